import type { IncomingMessage } from "node:http";
import { ScimError } from "../core/scim/error.ts";

/** A search or a delta request; nothing that this face takes is larger. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** RFC 7644 section 3.1 and 8.1: `application/json` is understood too. */
const JSON_TYPES: ReadonlySet<string> = new Set(["application/scim+json", "application/json"]);

/** Leaves out a byte order mark (RFC 8259 section 8.1). */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/**
 * The body as JSON; undefined when there is none. What comes without a media type is taken for JSON.
 * @throws ScimError 415 for another media type, charset or encoding, 413 when it is too large, 400 invalidSyntax;
 *   what the connection fails with
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const { headers } = request;
  const declared = Number(headers["content-length"] ?? 0);
  if (declared > MAX_BODY_BYTES) throw tooLarge();
  const coding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (coding !== "identity" && coding !== "") throw unsupported("a body that is not encoded");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  refuseMediaType(headers["content-type"]);
  return parseJson(Buffer.concat(chunks));
}

/** Whether a request says that it has a body (RFC 9112 section 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function refuseMediaType(contentType: string | undefined): void {
  if (contentType === undefined) return;
  const [type = "", ...parameters] = contentType.toLowerCase().split(";");
  if (!JSON_TYPES.has(type.trim())) throw unsupported("application/scim+json");
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=");
    const charset = value.trim().replace(/^"(.*)"$/, "$1");
    if (name.trim() === "charset" && charset !== "utf-8" && charset !== "utf8") {
      throw unsupported("UTF-8");
    }
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(UTF_8.decode(bytes));
  } catch (cause) {
    const isText = cause instanceof SyntaxError;
    throw new ScimError(400, isText ? "the body is not JSON" : "the body is not UTF-8", {
      scimType: "invalidSyntax",
      cause,
    });
  }
}

function tooLarge(): ScimError {
  return new ScimError(413, `the body has more than ${MAX_BODY_BYTES} bytes`);
}

function unsupported(what: string): ScimError {
  return new ScimError(415, `this service takes ${what}`);
}
