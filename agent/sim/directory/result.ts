/** Result codes of RFC 4511 section 4.1.9 that this server sends. */
export const RESULT = {
  success: 0,
  operationsError: 1,
  protocolError: 2,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  compareFalse: 5,
  compareTrue: 6,
  authMethodNotSupported: 7,
  referral: 10,
  unavailableCriticalExtension: 12,
  noSuchAttribute: 16,
  undefinedAttributeType: 17,
  constraintViolation: 19,
  attributeOrValueExists: 20,
  invalidAttributeSyntax: 21,
  noSuchObject: 32,
  invalidDNSyntax: 34,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
  namingViolation: 64,
  objectClassViolation: 65,
  notAllowedOnNonLeaf: 66,
  entryAlreadyExists: 68,
  affectsMultipleDSAs: 71,
  other: 80,
} as const;

export type ResultName = keyof typeof RESULT;

/** LDAPResult: what ends an operation. */
export interface Result {
  readonly result: ResultName;
  readonly matchedDn?: string;
  readonly message?: string;
  /** URIs; with result `referral` alone. */
  readonly referral?: readonly string[];
}

/** An operation that ends with another result than success; the store throws it in process too. */
export class ResultError extends Error implements Result {
  readonly result: ResultName;
  readonly matchedDn: string;

  constructor(result: ResultName, message: string, matchedDn = "") {
    super(message);
    this.name = "ResultError";
    this.result = result;
    this.matchedDn = matchedDn;
  }

  /** The number on the wire. */
  get code(): number {
    return RESULT[this.result];
  }
}
