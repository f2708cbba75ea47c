/** An attribute description (RFC 4512 section 2.5) taken apart, all of it in lower case. */
export interface AttributeDescription {
  readonly type: string;
  /** Sorted, each once: their order says nothing. */
  readonly options: readonly string[];
}

/** The name of an attribute that may bear a language (RFC 3866 section 2.1, RFC 5646): `cn;lang-ja`. */
export const LANGUAGE_TAGGED =
  /^(?:[A-Za-z][A-Za-z0-9-]{0,127}|\d+(?:\.\d+)+)(?:;[Ll][Aa][Nn][Gg](?:-[A-Za-z0-9]{1,8}){1,8})?$/;

/** Takes any text: what stands between semicolons is an option, whether it may be one or not. */
export function parseAttributeDescription(text: string): AttributeDescription {
  const [type = "", ...options] = text.toLowerCase().split(";");
  return { type, options: [...new Set(options)].sort() };
}
