import { createHmac } from "node:crypto";
import type { Right } from "./access-rule.ts";
import { addressPath } from "./address.ts";
import { EXPIRED, equalSecrets, type TokenVerdict, WRONG_AUDIENCE } from "./sas.ts";

/** What the client libraries ask Entra ID for, with or without a slash at its end. */
const AUDIENCE = /^https:\/\/servicebus\.azure\.net\/?$/;

/** The data roles of Azure. */
const RIGHTS_OF_ROLE: ReadonlyMap<unknown, readonly Right[]> = new Map<unknown, readonly Right[]>([
  ["Azure Service Bus Data Owner", ["Manage"]],
  ["Azure Service Bus Data Receiver", ["Listen"]],
  ["Azure Service Bus Data Sender", ["Send"]],
]);

const UNKNOWN_ISSUER: TokenVerdict = {
  valid: false,
  because: "InvalidIssuer: Token issuer is invalid.",
};

function parseObject(encoded: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/**
 * Checks a token of type `jwt`. This broker cannot ask Entra ID for its keys: it takes only tokens that a test has signed
 * with its own key, by HS256, with `aud`, `exp` and the data roles of Azure in `roles`. Without a key none is valid.
 * @param now milliseconds since 1970 (UTC)
 */
export function verifyJwt(
  token: string,
  audience: string,
  key: string | undefined,
  now: number,
): TokenVerdict {
  const [header, payload, signature = "", ...rest] = token.split(".");
  const { alg } = parseObject(header);
  if (key === undefined || alg !== "HS256" || rest.length > 0) return UNKNOWN_ISSUER;
  const expected = createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url");
  if (!equalSecrets(signature, expected)) return UNKNOWN_ISSUER;
  const { aud, exp, roles } = parseObject(payload);
  if (typeof aud !== "string" || !AUDIENCE.test(aud)) return WRONG_AUDIENCE;
  const expiresAt = typeof exp === "number" ? exp * 1000 : 0;
  if (expiresAt <= now) return EXPIRED;
  const held = Array.isArray(roles) ? roles : [];
  const rights = held.flatMap((role) => RIGHTS_OF_ROLE.get(role) ?? []);
  return { valid: true, grant: { path: addressPath(audience), rights, expiresAt } };
}
