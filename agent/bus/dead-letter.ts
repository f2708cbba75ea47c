/** Why the agent puts a request aside. Whoever watches the dead-letter queue finds these as `DeadLetterReason`. */
export type DeadLetterReason =
  /** The body is no JSON. */
  | "RequestNotJson"
  /** Method, path, message id or protocol version is missing. */
  | "RequestIncomplete"
  /** There is nowhere to answer. */
  | "ReplyToMissing"
  /** The reply queue is not on the agent's allow-list. */
  | "ReplyToForbidden"
  /** It was delivered too often: whoever worked on it died. The requester got a 500. */
  | "DeliveriesExhausted"
  /** On a reply queue: a part that is not what its properties say. */
  | "PartUnreadable";
