/** Names of fields whose values never reach a log, whatever they are. */
const SECRET_KEY =
  /^(?:password|passwd|pwd|secret|clientsecret|token|accesstoken|authorization|connectionstring|sharedaccesskey|sharedaccesssignature|userpassword|unicodepwd|cookie)$/i;

/** Secrets inside text: keys of connection strings, SAS signatures, bearer tokens, credentials in URLs. */
const SECRET_TEXT: readonly (readonly [RegExp, string])[] = [
  [/(SharedAccessKey\s*=\s*)[^;\s"']+/gi, "$1[redacted]"],
  [/(SharedAccessSignature\s+)\S+/gi, "$1[redacted]"],
  [/([?&\s;]sig=)[^&\s"']+/gi, "$1[redacted]"],
  [/(Bearer\s+)[A-Za-z0-9._~+/=-]+/gi, "$1[redacted]"],
  [/(\/\/[^/\s:@]+:)[^/\s@]+@/g, "$1[redacted]@"],
];

const MAX_DEPTH = 6;
const MAX_TEXT_LENGTH = 4096;
const MAX_ELEMENTS = 100;

/**
 * A copy of a log field that holds no secret, is finite and can be printed as JSON. Errors become their name, code,
 * message, hint and causes.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) return "[deeper]";
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (Array.isArray(value)) {
    return value.slice(0, MAX_ELEMENTS).map((element) => redact(element, depth + 1));
  }
  if ("toJSON" in value && typeof value.toJSON === "function")
    return redact(value.toJSON(), depth + 1);
  const members = Object.entries(value)
    .slice(0, MAX_ELEMENTS)
    .map(([key, member]) => [key, SECRET_KEY.test(key) ? "[redacted]" : redact(member, depth + 1)]);
  return Object.fromEntries(members);
}

export function redactText(text: string): string {
  const cut = text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text;
  return SECRET_TEXT.reduce(
    (rest, [pattern, replacement]) => rest.replace(pattern, replacement),
    cut,
  );
}

function redactError(error: Error, depth: number): object {
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
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
