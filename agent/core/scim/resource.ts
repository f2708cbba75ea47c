/**
 * A SCIM resource as JSON (RFC 7643 section 3). Attribute names are spelled as in the schema; attributes of an
 * extension stand in an object under the extension's URN.
 */
export interface ScimResource {
  readonly schemas: readonly string[];
  readonly id: string;
  readonly [attribute: string]: unknown;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads one member of an object by its name in any letter case (RFC 7643 section 2.1). Only own members are seen, so
 * that no name reaches the prototype.
 */
export function memberReader(name: string): (holder: Readonly<Record<string, unknown>>) => unknown {
  const folded = name.toLowerCase();
  return (holder) => {
    if (Object.hasOwn(holder, name)) return holder[name];
    for (const key of Object.keys(holder)) {
      if (key.length === name.length && key.toLowerCase() === folded) return holder[key];
    }
    return undefined;
  };
}

/**
 * Whether a value counts as assigned for `pr`: null, "", [] and {} do not (RFC 7644 section 3.4.2.2, RFC 7643
 * section 2.5), nor does anything that holds nothing else.
 */
export function isPresent(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  if (Array.isArray(value)) return value.some(isPresent);
  if (typeof value === "object") return Object.values(value).some(isPresent);
  return true;
}
