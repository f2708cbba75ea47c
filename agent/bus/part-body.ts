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

/**
 * Looks into a part: its digest and how many elements it brings.
 * @throws Error when the body is not one JSON document
 */
export async function inspectPart(part: StagedPart): Promise<PartBody> {
  const sha256 = createHash("sha256").update(part.body).digest();
  return { sha256, items: elementsOf(parseDocument(await unpackPart(part))).length };
}

export function parseDocument(json: Buffer): Readonly<Record<string, unknown>> {
  const document: unknown = JSON.parse(json.toString("utf8"));
  if (!isObject(document)) throw new SyntaxError("the part is not a JSON object");
  return document;
}
