/** An error as AMQP and Service Bus name it; the client library turns the condition into a code. */
export interface Refusal {
  readonly condition: string;
  readonly description: string;
}

function refusal(condition: string, description: string): Refusal {
  return { condition, description };
}

/** The client recognises a missing entity by this sentence, not by the condition alone. */
export function entityNotFound(path: string): Refusal {
  return refusal("amqp:not-found", `The messaging entity '${path}' could not be found.`);
}

export function unauthorized(claim: string, path: string): Refusal {
  return refusal(
    "amqp:unauthorized-access",
    `Unauthorized access. '${claim}' claim(s) are required to perform this operation. Resource: '${path}'.`,
  );
}

/** What a live link gets whose token has expired (github.com/Azure/azure-sdk-for-python/issues/23487). */
export function tokenExpired(claim: string, path: string): Refusal {
  return refusal(
    "amqp:link:detach-forced",
    `The link is force detached. Code: RenewToken. Details: ${unauthorized(claim, path).description}`,
  );
}

export function messageTooLarge(size: number, limit: number): Refusal {
  return refusal(
    "amqp:link:message-size-exceeded",
    `The received message (delivery-id:0, size:${size} bytes) exceeds the limit (${limit} bytes) currently allowed on the link.`,
  );
}

export function quotaExceeded(queue: string, size: number, limit: number): Refusal {
  return refusal(
    "amqp:resource-limit-exceeded",
    `The maximum entity size has been reached or exceeded for Queue: '${queue}'. Size of entity in bytes:${size}, Max entity size in bytes:${limit}.`,
  );
}

export function malformed(reason: string): Refusal {
  return refusal("amqp:decode-error", `The message cannot be read: ${reason}.`);
}

export const SESSION_ID_MISSING: Refusal = refusal(
  "amqp:not-allowed",
  "The SessionId was not set on a message, and it cannot be sent to the entity. Entities that have session support enabled can only receive messages that have the SessionId set to a valid value.",
);

export const BATCH_EMPTY: Refusal = refusal(
  "amqp:not-allowed",
  "The publisher sent a batch message with no data in it.",
);

export const BATCH_TOO_LONG: Refusal = refusal(
  "amqp:internal-error",
  "The service was unable to process the request; please retry the operation.",
);

export const DEAD_LETTER_TWICE: Refusal = refusal(
  "amqp:not-allowed",
  "A message in a dead-letter queue cannot be dead-lettered.",
);

export function entityDisabled(path: string): Refusal {
  return refusal(
    "com.microsoft:entity-disabled",
    `Messaging entity '${path}' is currently disabled.`,
  );
}

export const SESSION_REQUIRED: Refusal = refusal(
  "amqp:not-allowed",
  "It is not possible for an entity that requires sessions to create a non-sessionful message receiver.",
);

export const SESSION_NOT_SUPPORTED: Refusal = refusal(
  "amqp:not-allowed",
  "A sessionful message receiver cannot be created on an entity that does not require sessions. Ensure RequiresSession is set to true when creating a Queue to enable sessionful behavior.",
);

export const DEAD_LETTER_NOT_WRITABLE: Refusal = refusal(
  "amqp:not-allowed",
  "Messages cannot be sent to a dead-letter queue.",
);

export const TRANSACTIONS_NOT_SUPPORTED: Refusal = refusal(
  "amqp:not-implemented",
  "Transactions are not supported by this namespace.",
);

export const MESSAGE_LOCK_LOST: Refusal = refusal(
  "com.microsoft:message-lock-lost",
  "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.",
);

export const SESSION_LOCK_LOST: Refusal = refusal(
  "com.microsoft:session-lock-lost",
  "The session lock has expired on the MessageSession. Accept a new MessageSession.",
);

export function sessionCannotBeLocked(sessionId: string): Refusal {
  return refusal(
    "com.microsoft:session-cannot-be-locked",
    `The requested session '${sessionId}' cannot be accepted. It may be locked by another receiver.`,
  );
}

export const NO_SESSION_AVAILABLE: Refusal = refusal(
  "com.microsoft:timeout",
  "The operation did not complete within the allotted timeout. There is no session with messages that is not locked.",
);

export const MESSAGE_NOT_FOUND: Refusal = refusal(
  "com.microsoft:message-not-found",
  "Failed to find one or more of the messages with the given sequence numbers.",
);

export const TOO_MANY_LINKS: Refusal = refusal(
  "amqp:resource-limit-exceeded",
  "The connection has too many links.",
);

export const TOO_MANY_SESSIONS: Refusal = refusal(
  "amqp:resource-limit-exceeded",
  "The connection has too many sessions.",
);

export const NO_TOKEN: Refusal = refusal(
  "amqp:connection:forced",
  "The connection was inactive: no token was put in time.",
);

export const SERVER_BUSY: Refusal = refusal(
  "com.microsoft:server-busy",
  "The server is busy. Please retry the operation after some time.",
);

export const LINK_DETACH_FORCED: Refusal = refusal(
  "amqp:link:detach-forced",
  "The link is force detached by the broker. Details: the link was moved.",
);

export const INTERNAL_ERROR: Refusal = refusal(
  "amqp:internal-error",
  "The service was unable to process the request.",
);

export function invalidArgument(description: string): Refusal {
  return refusal("com.microsoft:argument-error", description);
}

export function notImplemented(operation: string): Refusal {
  return refusal("amqp:not-implemented", `The operation '${operation}' is not supported.`);
}
