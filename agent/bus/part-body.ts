import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip as gunzipCallback } from "node:zlib";
import type { PartBody } from "../core/answer-assembly.ts";
import { elementsOf } from "../core/part-document.ts";
import { isObject } from "../core/scim/resource.ts";
import type { StagedPart } from "./part-stage.ts";

const gunzip = promisify(gunzipCallback);

/** Bytes that a part may have after decompression: what a link takes at most, with room for what agents of other makes cut. */
const MAX_PART_BYTES = 16 * 1024 * 1024;

/** @throws Error when it is no gzip, or would become larger than `MAX_PART_BYTES` */
export async function unpackPart({ body, gzip }: StagedPart): Promise<Buffer> {
  return gzip ? gunzip(body, { maxOutputLength: MAX_PART_BYTES }) : body;
}

/** A part is not what it says it is; the message holds none of its content. */
export class PartUnreadableError extends Error {
  constructor(problem: string, cause?: unknown) {
    super(problem, cause === undefined ? undefined : { cause });
    this.name = "PartUnreadableError";
  }
}

export function sha256Of(body: Buffer): Buffer {
  return createHash("sha256").update(body).digest();
}

/**
 * Looks into a part: its digest and how many elements it brings.
 * @throws PartUnreadableError when it cannot be unpacked, or is not one JSON document
 */
export async function inspectPart(part: StagedPart): Promise<PartBody> {
  let json: Buffer;
  try {
    json = await unpackPart(part);
  } catch (cause) {
    throw new PartUnreadableError("it cannot be unpacked", cause);
  }
  try {
    return { sha256: sha256Of(part.body), items: elementsOf(parseDocument(json)).length };
  } catch (cause) {
    throw new PartUnreadableError("it is not one JSON object", cause);
  }
}

export function parseDocument(json: Buffer): Readonly<Record<string, unknown>> {
  const document: unknown = JSON.parse(json.toString("utf8"));
  if (!isObject(document)) throw new SyntaxError("the part is not a JSON object");
  return document;
}
