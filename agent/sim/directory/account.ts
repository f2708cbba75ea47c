import { createHash, timingSafeEqual } from "node:crypto";
import { dnKey } from "./distinguished-name.ts";
import { valuesOf } from "./entry.ts";
import type { Value } from "./matching.ts";
import { knownType } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";

/** Who may bind without an entry of that name. */
export interface Account {
  readonly dn: string;
  readonly password: string;
  /** Whether it may add, modify, rename and delete; false without it. */
  readonly writable?: boolean;
}

/** Who a connection is bound as. */
export interface Identity {
  readonly dn: string;
  readonly writable: boolean;
}

const USER_PASSWORD = knownType("userPassword");
const SHA1_BYTES = 20;

/** The identity that this name and password prove: an account's, or that of an entry with the userPassword. */
export function authenticate(
  store: DirectoryStore,
  accounts: readonly Account[],
  { dn, password }: { readonly dn: string; readonly password: Buffer },
): Identity | undefined {
  const key = dnKey(dn);
  for (const account of accounts) {
    if (dnKey(account.dn) === key && same(password, Buffer.from(account.password))) {
      return { dn: account.dn, writable: account.writable ?? false };
    }
  }
  const entry = store.byKey(key);
  if (entry === undefined) return undefined;
  const proved = valuesOf(entry.attributes, USER_PASSWORD).some((held) =>
    verifyPassword(held, password),
  );
  return proved ? { dn: entry.dn, writable: false } : undefined;
}

/** Plain, {SHA} and {SSHA} values, the latter as slappasswd writes them. */
function verifyPassword(held: Value, password: Buffer): boolean {
  const text = typeof held === "string" ? held : Buffer.from(held).toString("utf8");
  const hashed = /^\{(S?SHA)\}(.+)$/i.exec(text);
  if (hashed?.[2] === undefined) return same(password, Buffer.from(text));
  const bytes = Buffer.from(hashed[2], "base64");
  const digest = createHash("sha1").update(password).update(bytes.subarray(SHA1_BYTES)).digest();
  return same(digest, bytes.subarray(0, SHA1_BYTES));
}

function same(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
