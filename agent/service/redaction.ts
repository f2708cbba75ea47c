/** Ends of names of fields whose values never reach a log, whatever they are; without case and punctuation. */
const SECRET_KEY =
  /(?:password|passwd|pwd|passphrase|secret|token|authorization|connectionstring|sharedaccesskey|sharedaccesssignature|accountkey|apikey|privatekey|cookie)$/;

/** Secrets inside text: connection strings, SAS signatures, tokens, credentials in URLs, forms and JSON, keys. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/((?:SharedAccessKey|AccountKey)\s*=\s*)[^;\s"']+/gi, "$1[redacted]"],
  [/(SharedAccessSignature\s+)\S+/gi, "$1[redacted]"],
  [/(\bsig=)[^&\s"']+/gi, "$1[redacted]"],
  [/(\bBearer\s+)[A-Za-z0-9._~+/=-]+/gi, "$1[redacted]"],
  [/(\bauthorization:\s*Basic\s+)[A-Za-z0-9+/=]+/gi, "$1[redacted]"],
  [/((?:password|passwd|pwd|passphrase|secret)=)[^&;\s"']+/gi, "$1[redacted]"],
  [/((?:password|passwd|pwd|passphrase|secret)"\s*:\s*")(?:[^"\\]|\\.)*/gi, "$1[redacted]"],
  [/(\/\/[^/\s:@]*:)[^/\s]+@/g, "$1[redacted]@"],
  // A JSON Web Token (RFC 7519 section 3): its header is an object, so that it begins with the base64url of `{"`.
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "[redacted]"],
  // RFC 7468 section 10 and the older forms beside it.
  [/(-----BEGIN (?:[A-Z]{1,20} ){0,3}PRIVATE KEY-----)(?:(?!-----END)[\s\S])*/g, "$1[redacted]"],
];

const MAX_DEPTH = 6;
const MAX_TEXT_LENGTH = 4096;
const MAX_ELEMENTS = 100;
/** Values of one field, those within it included. */
const MAX_VALUES = 2000;

/**
 * A copy of a log field that holds no secret, is finite and can be printed as JSON. Errors become their name, code,
 * message, hint and causes. Never throws.
 */
export function redact(value: unknown): unknown {
  return new Redaction().copy(value, 0);
}

/** Secrets in a text give way to a mark; what is too long is cut. */
export function redactText(text: string): string {
  // Cut last: half a secret would no longer look like one.
  const redacted = SECRET_TEXT.reduce(
    (rest, [pattern, replacement]) => rest.replace(pattern, replacement),
    text,
  );
  return redacted.length > MAX_TEXT_LENGTH ? `${redacted.slice(0, MAX_TEXT_LENGTH)}…` : redacted;
}

class Redaction {
  #values = 0;

  copy(value: unknown, depth: number): unknown {
    if (typeof value === "string") return redactText(value);
    if (typeof value === "bigint") return value.toString();
    if (typeof value !== "object" || value === null) return value;
    if (depth >= MAX_DEPTH || ++this.#values > MAX_VALUES) return "[deeper]";
    try {
      return this.#copyObject(value, depth);
    } catch {
      // A getter or toJSON of somebody else's object threw; a log line must not end the work that it tells of.
      return "[unreadable]";
    }
  }

  #copyObject(value: object, depth: number): unknown {
    if (value instanceof Error) return this.#copyError(value, depth);
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    }
    if (value instanceof Uint8Array) return `[${value.length} bytes]`;
    if (Array.isArray(value)) {
      return value.slice(0, MAX_ELEMENTS).map((element) => this.copy(element, depth + 1));
    }
    if ("toJSON" in value && typeof value.toJSON === "function") {
      return this.copy(value.toJSON(), depth + 1);
    }
    const members = Object.entries(value)
      .slice(0, MAX_ELEMENTS)
      .map(([key, member]) => [
        key,
        isSecretKey(key) ? "[redacted]" : this.copy(member, depth + 1),
      ]);
    return Object.fromEntries(members);
  }

  #copyError(error: Error, depth: number): object {
    const { name, message, stack, cause } = error;
    const code = "code" in error ? error.code : undefined;
    const hint = "hint" in error ? error.hint : undefined;
    // A programming error is of no use without the place; what the outside world did wrong needs none.
    const isOurs = code === undefined && stack !== undefined;
    return {
      name,
      message: redactText(message),
      ...(typeof code === "string" ? { code } : {}),
      ...(typeof hint === "string" ? { hint: redactText(hint) } : {}),
      ...(isOurs ? { stack: redactText(stack) } : {}),
      ...(error instanceof AggregateError ? { errors: this.copy(error.errors, depth + 1) } : {}),
      ...(cause === undefined ? {} : { cause: this.copy(cause, depth + 1) }),
    };
  }
}

function isSecretKey(key: string): boolean {
  return SECRET_KEY.test(key.replace(/[^A-Za-z0-9]/g, "").toLowerCase());
}
