import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Grant } from "./access.ts";
import type { AccessRule } from "./access-rule.ts";
import { addressPath, covers, parseAddress } from "./address.ts";

export type TokenVerdict =
  | { readonly valid: true; readonly grant: Grant }
  | { readonly valid: false; readonly because: string };

const SCHEME = "SharedAccessSignature ";
const MALFORMED: TokenVerdict = {
  valid: false,
  because: "MalformedToken: The token is malformed.",
};
const INVALID: TokenVerdict = {
  valid: false,
  because: "InvalidSignature: The token has an invalid signature.",
};

export const EXPIRED: TokenVerdict = {
  valid: false,
  because: "ExpiredToken: The token is expired.",
};
export const WRONG_AUDIENCE: TokenVerdict = {
  valid: false,
  because: "InvalidAudience: The token is for another resource.",
};

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

function signedBy(rule: AccessRule, text: string, signature: string): boolean {
  return [rule.keys.primary, rule.keys.secondary].some((key) =>
    equalSecrets(signature, createHmac("sha256", key).update(text).digest("base64")),
  );
}

/**
 * Checks a shared access signature for an audience. The signed text is the resource as it stands in the token, still
 * URL-encoded, and the expiry: `HMAC-SHA256(key, sr + "\n" + se)`, with either key of a policy of the namespace or of
 * the queue that the audience names.
 * @param now milliseconds since 1970 (UTC)
 */
export function verifySas(
  token: string,
  audience: string,
  rules: readonly AccessRule[],
  now: number,
): TokenVerdict {
  if (!token.startsWith(SCHEME)) return MALFORMED;
  const fields = parseFields(token);
  const resource = fields.get("sr");
  const expiry = fields.get("se");
  const path = decode(resource);
  const signature = decode(fields.get("sig"));
  const name = decode(fields.get("skn"));
  if (resource === undefined || path === undefined || signature === undefined) return MALFORMED;
  if (expiry === undefined || !/^\d{1,12}$/.test(expiry)) return MALFORMED;
  const asked = addressPath(audience);
  const { queue } = parseAddress(asked);
  const rule = rules.find(
    (candidate) =>
      candidate.name === name &&
      (candidate.queue === undefined || candidate.queue === queue) &&
      signedBy(candidate, `${resource}\n${expiry}`, signature),
  );
  if (rule === undefined) return INVALID;
  const expiresAt = Number(expiry) * 1000;
  if (expiresAt <= now) return EXPIRED;
  if (!covers(addressPath(path), asked)) return WRONG_AUDIENCE;
  return { valid: true, grant: { path: asked, rights: rule.rights, expiresAt } };
}
