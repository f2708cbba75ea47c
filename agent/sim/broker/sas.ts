import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { addressPath, covers } from "./address.ts";

/** A shared access policy of the namespace. */
export interface AccessRule {
  readonly keyName: string;
  readonly key: string;
}

export type SasVerdict =
  | {
      readonly valid: true;
      /** What the token is good for, in the form of `Address.path`. */
      readonly path: string;
      /** Milliseconds since 1970 (UTC). */
      readonly expiresAt: number;
    }
  | { readonly valid: false; readonly because: string };

const SCHEME = "SharedAccessSignature ";

function parseFields(token: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const pair of token.slice(SCHEME.length).split("&")) {
    const at = pair.indexOf("=");
    if (at > 0) fields.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return fields;
}

function decode(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Compares texts of any length in constant time. */
export function equalSecrets(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/**
 * Checks a shared access signature for an audience. The signed text is the resource as it stands in the token, still
 * URL-encoded, and the expiry: `HMAC-SHA256(key, sr + "\n" + se)`.
 * @param now milliseconds since 1970 (UTC)
 */
export function verifySas(
  token: string,
  audience: string,
  rules: readonly AccessRule[],
  now: number,
): SasVerdict {
  if (!token.startsWith(SCHEME)) return { valid: false, because: "MalformedToken" };
  const fields = parseFields(token);
  const resource = fields.get("sr");
  const expiry = fields.get("se");
  const path = decode(resource);
  const signature = decode(fields.get("sig"));
  const keyName = decode(fields.get("skn"));
  if (resource === undefined || path === undefined || signature === undefined) {
    return { valid: false, because: "MalformedToken" };
  }
  if (expiry === undefined || !/^\d{1,12}$/.test(expiry)) {
    return { valid: false, because: "MalformedToken" };
  }
  const rule = rules.find((candidate) => candidate.keyName === keyName);
  const expected = createHmac("sha256", rule?.key ?? "")
    .update(`${resource}\n${expiry}`)
    .digest("base64");
  if (rule === undefined || !equalSecrets(signature, expected)) {
    return { valid: false, because: "InvalidSignature: The token has an invalid signature." };
  }
  const expiresAt = Number(expiry) * 1000;
  if (expiresAt <= now) return { valid: false, because: "ExpiredToken: The token is expired." };
  const asked = addressPath(audience);
  if (!covers(addressPath(path), asked)) {
    return { valid: false, because: "InvalidAudience: The token is for another resource." };
  }
  return { valid: true, path: asked, expiresAt };
}
