import { ScimError } from "../../core/scim/error.ts";

/** What a request is answered with. */
export interface Reply {
  /** HTTP status code. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON; absent when there is none. */
  readonly body?: unknown;
}

export function errorReply(error: ScimError): Reply {
  const { status, headers } = error;
  return { status, body: error.toBody(), ...(headers === undefined ? {} : { headers }) };
}

/** Turns what a request failed with into its answer; what is no ScimError is a fault of this server. */
export function replyTo(error: unknown): Reply {
  if (error instanceof ScimError) return errorReply(error);
  return errorReply(new ScimError(500, "the server failed", { cause: error }));
}
