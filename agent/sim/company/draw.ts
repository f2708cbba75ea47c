import { createHash } from "node:crypto";

const UINT32 = 2 ** 32;

/**
 * A number in [0, 1) that depends on nothing but its arguments: what is drawn for one person does not change with how
 * many others there are, and needs no state. The same on every machine.
 * @param purpose keeps draws for different ends apart
 */
export function draw(seed: number, purpose: number, index: number): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(purpose + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15) ^ index, 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  h = Math.imul(h ^ (h >>> 15), 0x6f4f2a35);
  h ^= h >>> 16;
  return (h >>> 0) / UINT32;
}

/** @throws RangeError for an empty list */
export function pick<T>(list: readonly T[], fraction: number): T {
  const picked = list[Math.floor(fraction * list.length)];
  if (picked === undefined) throw new RangeError("nothing to pick from");
  return picked;
}

/**
 * The entryUUID of something in the company, so that a test can name it without reading the directory:
 * `person:17`, `group:all-staff`, or `ou:` and the names of the OU and those above it, joined by `/`.
 * A name-based UUID (RFC 9562 section 5.5) of seed and key.
 */
export function companyUuid(seed: number, key: string): string {
  const bytes = createHash("sha1").update(`hybrid-sync-agent company ${seed} ${key}`).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex", 0, 16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
