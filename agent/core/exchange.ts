import type { ProjectionOptions } from "./scim/projection.ts";
import type { ScimResource } from "./scim/resource.ts";
import type { ResourceTypeName } from "./scope.ts";

/** A SCIM request as the handler sees it, whatever brought it (a queue, HTTP, a test). */
export interface ScimRequest {
  /** `GET`, `POST`, … in upper case. */
  readonly method: string;
  /** Decoded, with a leading slash and without a query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The parsed JSON body; undefined when there was none. */
  readonly body: unknown;
  /** What a `GET` asks for in its query (RFC 7644 section 3.9), where the transport has one; a search says it in its body. */
  readonly projection?: ProjectionOptions;
  /** Unique for each attempt to send. */
  readonly requestId: string;
  /** The logical operation; on every log line of both sides. */
  readonly correlationId: string;
}

/** One entry that could not be made a resource. It stops nothing but itself. */
export interface EntryProblem {
  readonly resourceType: ResourceTypeName;
  readonly id: string;
  /** The SCIM attribute that has no right value. */
  readonly attribute: string;
  /** The rule of the mapping, as a person would recognise it. */
  readonly rule: string;
  readonly reason: string;
}

/** What changed about one resource (shape of draft-sehgal-scim-delta-query). */
export interface Change {
  /** Absent on the removal of what the directory does not name the kind of; it may be a stranger. */
  readonly resourceType?: ResourceTypeName;
  /** `create` and `update` both mean upsert; `present`: in scope, nothing is said about its content. */
  readonly changeType: "create" | "update" | "delete" | "present";
  readonly changedResourceId: string;
  readonly reason?: "deleted" | "outOfScope";
  readonly problem?: EntryProblem;
}

/** One element of an answer: a resource, a change with or without its resource, or an entry that could not be mapped. */
export type AnswerElement =
  | { readonly kind: "resource"; readonly resource: ScimResource }
  | { readonly kind: "change"; readonly change: Change; readonly resource?: ScimResource }
  | { readonly kind: "problem"; readonly problem: EntryProblem };

/** What only the end of a list can say. Merged into the last part's document. */
export type ListEnd = Readonly<Record<string, unknown>>;

/**
 * What the handler answers: a document, or a list that is read while it is sent. A list that fails throws out of
 * `elements`; what was sent of it before is then worth nothing.
 */
export type Answer =
  | {
      readonly kind: "document";
      readonly status: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "list";
      /** The message URN of each part's document. */
      readonly schema: string;
      readonly elements: AsyncGenerator<readonly AnswerElement[], ListEnd>;
    };

/** Answers a request. Whatever goes wrong is an answer too, unless the work was aborted. */
export type RequestHandler = (request: ScimRequest, signal: AbortSignal) => Promise<Answer>;
