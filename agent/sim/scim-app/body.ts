import type { IncomingMessage } from "node:http";
import { badRequest, ScimError } from "../../core/scim/error.ts";

/** Room for a PATCH with some ten thousand members. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** RFC 7644 sections 3.1 and 8.1: `application/json` is understood too. */
const JSON_TYPES: ReadonlySet<string> = new Set(["application/scim+json", "application/json"]);

/** Leaves out a byte order mark (RFC 8259 section 8.1). */
const UTF_8 = new TextDecoder("utf-8", { fatal: true });

/** Whether a request says that it has a body (RFC 9112 section 6.3). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/**
 * The body as JSON. What comes without a media type is taken for JSON.
 * @param maxBytes - less than 4 MiB where an endpoint takes no more
 * @throws ScimError 415 for another media type, charset or encoding, 413 when it is too large, 400 invalidSyntax;
 *   what the connection fails with
 */
export async function readJsonBody(
  request: IncomingMessage,
  maxBytes: number = MAX_BODY_BYTES,
): Promise<unknown> {
  const { headers } = request;
  refuseMediaType(headers["content-type"]);
  const coding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (coding !== "identity" && coding !== "") throw unsupported("a body that is not encoded");
  if (Number(headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaves the request open, so that the refusal can still be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk as Buffer);
  }
  if (size === 0) throw badRequest("invalidSyntax", "there is no body");
  return parseJson(Buffer.concat(chunks));
}

function refuseMediaType(contentType: string | undefined): void {
  if (contentType === undefined || contentType.trim() === "") return;
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
    throw new ScimError(400, "the body is not JSON in UTF-8", { scimType: "invalidSyntax", cause });
  }
}

function tooLarge(maxBytes: number): ScimError {
  return new ScimError(413, `the body has more than ${maxBytes} bytes`);
}

function unsupported(wanted: string): ScimError {
  return new ScimError(415, `this endpoint takes ${wanted}`);
}
