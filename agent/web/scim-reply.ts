import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ScimError } from "../core/scim/error.ts";

const CONTENT_TYPE = "application/scim+json";
const SHORT_BYTES = 16 * 1024;

/** A whole answer as text. */
export interface TextReply {
  readonly status: number;
  /** Undefined: the status is all (304). */
  readonly body: string | Buffer | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends a whole answer, and of a HEAD request all but the body. Does nothing when something was sent already. */
export function sendReply(response: ServerResponse, { status, body, headers }: TextReply): void {
  if (response.headersSent || response.destroyed) return;
  if (body === undefined) {
    response.writeHead(status, { ...headers, "cache-control": "no-store" });
    response.end();
    return;
  }
  response.writeHead(status, {
    ...headers,
    "content-type": CONTENT_TYPE,
    "cache-control": "no-store",
    "content-length": Buffer.byteLength(body),
  });
  // A short text leaves with the headers in one write.
  response.end(body.length <= SHORT_BYTES ? body.toString() : body);
}

/** Begins an answer whose length only its end shows. */
export function beginReply(
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(200, {
    ...headers,
    "content-type": CONTENT_TYPE,
    "cache-control": "no-store",
  });
}

/** Answers on a connection whose bytes were no request, so that there is nothing to answer with, and closes it. */
export function sendRawError(socket: Duplex, status: number, detail: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(new ScimError(status, detail).toBody());
  socket.end(
    [
      `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}`,
      `content-type: ${CONTENT_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
};
