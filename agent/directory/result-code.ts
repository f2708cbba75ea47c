import { AgentError, type ErrorCode } from "../core/error.ts";

/** What a result means for a read. `cut` results end a read early and leave it not whole. */
export type ResultMeaning =
  | { readonly kind: "success" }
  | { readonly kind: "cut"; readonly because: "size limit" | "time limit" | "referral" }
  | { readonly kind: "error"; readonly code: ErrorCode };

interface ResultCode {
  /** As RFC 4511 appendix A or the defining RFC spells it. */
  readonly name: string;
  readonly meaning: ResultMeaning;
}

const SUCCESS: ResultMeaning = { kind: "success" };
const BUSY: ResultMeaning = { kind: "error", code: "directory.busy" };
const DENIED: ResultMeaning = { kind: "error", code: "directory.denied" };
const REFUSED: ResultMeaning = { kind: "error", code: "directory.refused" };

/**
 * RFC 4511 section 4.1.9 and what other documents add to the registry of LDAP result codes (RFC 4520 section 3.8),
 * sorted by one question: is a retry of the same request of use? A code that is not here is refused.
 */
export const RESULT_CODES: Readonly<Record<number, ResultCode>> = {
  0: { name: "success", meaning: SUCCESS },
  1: { name: "operationsError", meaning: REFUSED },
  2: { name: "protocolError", meaning: REFUSED },
  3: { name: "timeLimitExceeded", meaning: { kind: "cut", because: "time limit" } },
  4: { name: "sizeLimitExceeded", meaning: { kind: "cut", because: "size limit" } },
  5: { name: "compareFalse", meaning: REFUSED },
  6: { name: "compareTrue", meaning: REFUSED },
  7: { name: "authMethodNotSupported", meaning: DENIED },
  8: { name: "strongerAuthRequired", meaning: DENIED },
  // Of LDAPv2, and what Active Directory calls a list that goes on at another server.
  9: { name: "partialResults", meaning: { kind: "cut", because: "referral" } },
  10: { name: "referral", meaning: { kind: "cut", because: "referral" } },
  11: { name: "adminLimitExceeded", meaning: { kind: "cut", because: "size limit" } },
  12: { name: "unavailableCriticalExtension", meaning: REFUSED },
  13: { name: "confidentialityRequired", meaning: DENIED },
  14: { name: "saslBindInProgress", meaning: REFUSED },
  16: { name: "noSuchAttribute", meaning: REFUSED },
  17: { name: "undefinedAttributeType", meaning: REFUSED },
  18: { name: "inappropriateMatching", meaning: REFUSED },
  19: { name: "constraintViolation", meaning: REFUSED },
  20: { name: "attributeOrValueExists", meaning: REFUSED },
  21: { name: "invalidAttributeSyntax", meaning: REFUSED },
  32: { name: "noSuchObject", meaning: { kind: "error", code: "scope.missing" } },
  33: { name: "aliasProblem", meaning: REFUSED },
  34: { name: "invalidDNSyntax", meaning: REFUSED },
  35: { name: "isLeaf", meaning: REFUSED },
  36: { name: "aliasDereferencingProblem", meaning: REFUSED },
  48: { name: "inappropriateAuthentication", meaning: DENIED },
  49: { name: "invalidCredentials", meaning: DENIED },
  50: { name: "insufficientAccessRights", meaning: DENIED },
  51: { name: "busy", meaning: BUSY },
  52: { name: "unavailable", meaning: BUSY },
  53: { name: "unwillingToPerform", meaning: REFUSED },
  54: { name: "loopDetect", meaning: REFUSED },
  60: { name: "sortControlMissing", meaning: REFUSED },
  61: { name: "offsetRangeError", meaning: REFUSED },
  64: { name: "namingViolation", meaning: REFUSED },
  65: { name: "objectClassViolation", meaning: REFUSED },
  66: { name: "notAllowedOnNonLeaf", meaning: REFUSED },
  67: { name: "notAllowedOnRDN", meaning: REFUSED },
  68: { name: "entryAlreadyExists", meaning: REFUSED },
  69: { name: "objectClassModsProhibited", meaning: REFUSED },
  // Not in RFC 4511: Active Directory cannot hold the answer. As with other limits, what was not sent may exist.
  70: { name: "resultsTooLarge", meaning: { kind: "cut", because: "size limit" } },
  71: { name: "affectsMultipleDSAs", meaning: REFUSED },
  76: { name: "virtualListViewError", meaning: REFUSED },
  // Servers say `other` when they are out of memory, of database readers or of a backend: all of them pass.
  80: { name: "other", meaning: BUSY },
  113: { name: "lcupResourcesExhausted", meaning: BUSY },
  114: { name: "lcupSecurityViolation", meaning: DENIED },
  115: { name: "lcupInvalidData", meaning: REFUSED },
  116: { name: "lcupUnsupportedScheme", meaning: REFUSED },
  117: { name: "lcupReloadRequired", meaning: REFUSED },
  118: { name: "canceled", meaning: BUSY },
  119: { name: "noSuchOperation", meaning: REFUSED },
  120: { name: "tooLate", meaning: REFUSED },
  121: { name: "cannotCancel", meaning: REFUSED },
  122: { name: "assertionFailed", meaning: REFUSED },
  123: { name: "authorizationDenied", meaning: DENIED },
  4096: { name: "syncRefreshRequired", meaning: REFUSED },
  16654: { name: "noOperation", meaning: REFUSED },
};

/** The name of a result code with its number, for messages: `busy (51)`. */
function printResultCode(code: number): string {
  return `${RESULT_CODES[code]?.name ?? "unknown result"} (${code})`;
}

export function meaningOf(code: number): ResultMeaning {
  return RESULT_CODES[code]?.meaning ?? REFUSED;
}

/** An LDAPResult (RFC 4511 section 4.1.9) with its response controls. */
export interface LdapResult {
  readonly code: number;
  readonly matchedDn: string;
  readonly diagnostic: string;
  readonly referrals: readonly string[];
  /** Values by OID; a control without a value has an empty one. */
  readonly controls: ReadonlyMap<string, Buffer>;
}

/** Server texts are bounded before they reach a message: a server may send megabytes. */
const DIAGNOSTIC_CHARS = 300;

/** What the server said, for messages: `busy (51): try again`. */
export function printResult(result: LdapResult): string {
  const text = result.diagnostic
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, DIAGNOSTIC_CHARS);
  return text === "" ? printResultCode(result.code) : `${printResultCode(result.code)}: ${text}`;
}

/** Active Directory's operationsError when it holds the connection for unbound: Windows error 4DC hexadecimal. */
export function isUnbound({ code, diagnostic }: LdapResult): boolean {
  return code === 1 && /000004dc|successful bind must be completed/i.test(diagnostic);
}

const HINTS: Readonly<Record<number, string>> = {
  8: "the server wants TLS or a stronger bind: use an ldaps:// url or turn on startTls",
  13: "the server wants TLS: use an ldaps:// url or turn on startTls",
  48: "the account has no password that the server can check: look at the bind DN",
  50: "the bind account lacks the right to read here",
};

/** The error that a result stands for; `what` is the operation: `search below dc=example,dc=com`. */
export function errorOfResult(what: string, result: LdapResult): AgentError {
  const meaning = meaningOf(result.code);
  const code = meaning.kind === "error" ? meaning.code : "directory.refused";
  const hint = code === "scope.missing" ? missingHint(result) : HINTS[result.code];
  return new AgentError(
    code,
    `${what}: ${printResult(result)}`,
    hint === undefined ? {} : { hint },
  );
}

function missingHint(result: LdapResult): string {
  if (result.matchedDn === "") return "no parent of it is visible to the bind account either";
  return `the nearest existing parent is ${result.matchedDn}`;
}
