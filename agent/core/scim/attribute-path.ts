/** Names one attribute or sub-attribute (`attrPath` of RFC 7644 section 3.4.2.2), spelled as it was given. */
export interface AttributePath {
  /** The schema's URN, when the path has one. */
  readonly schema?: string;
  readonly attribute: string;
  readonly subAttribute?: string;
}

const NAME = "[A-Za-z$][A-Za-z0-9$_-]*";
const NAMES = new RegExp(`^(${NAME})(?:\\.(${NAME}))?$`);
const SUB_ATTRIBUTE = new RegExp(`^\\.(${NAME})$`);
// RFC 3986: a scheme, and none of the characters that delimit tokens of a filter.
const SCHEMA = /^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#@!$&'*+,;=%]+$/;

/**
 * `[URN ":"] NAME ["." NAME]`, split at the last colon, since URNs hold dots.
 * @returns undefined when the text is no attribute path
 */
export function parseAttributePath(text: string): AttributePath | undefined {
  const colon = text.lastIndexOf(":");
  const schema = text.slice(0, Math.max(colon, 0));
  const [, attribute, subAttribute] = NAMES.exec(text.slice(colon + 1)) ?? [];
  if (attribute === undefined || (colon >= 0 && !SCHEMA.test(schema))) return undefined;
  return {
    ...(colon < 0 ? {} : { schema }),
    attribute,
    ...(subAttribute === undefined ? {} : { subAttribute }),
  };
}

/**
 * `.name`, as it follows a value filter.
 * @returns the name, undefined when the text is something else
 */
export function parseSubAttribute(text: string): string | undefined {
  return SUB_ATTRIBUTE.exec(text)?.[1];
}

export function printAttributePath(path: AttributePath): string {
  const prefix = path.schema === undefined ? "" : `${path.schema}:`;
  const suffix = path.subAttribute === undefined ? "" : `.${path.subAttribute}`;
  return `${prefix}${path.attribute}${suffix}`;
}
