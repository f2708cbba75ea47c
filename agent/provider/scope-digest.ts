import { createHash } from "node:crypto";
import type { ResolvedScope } from "../core/scope-verdict.ts";

/** 128 bits. */
const DIGEST_CHARACTERS = 32;

/**
 * Changes when somebody comes into a scope group or leaves it, nested groups included, since no entry of theirs says so; and when
 * a unit or group of the scope is another one than before.
 */
export function scopeDigest({ groups, objectIds }: ResolvedScope): string {
  const hash = createHash("sha256").update(objectIds.join());
  for (const { dn, members } of groups) {
    hash.update(`${dn}\n${members.size}\n`);
    for (const key of [...members.keys()].sort()) hash.update(`${key}\n`);
  }
  return hash.digest("hex").slice(0, DIGEST_CHARACTERS);
}
