import { dnKey } from "./distinguished-name.ts";
import { ResultError } from "./result.ts";
import { normalizePlain, type Syntax } from "./syntax.ts";

/** A value as it is held: octets for the syntaxes that are no text. */
export type Value = string | Uint8Array;

/**
 * What equal values share (see `normalizePlain`; names become their key), or undefined when the value is none of
 * this syntax.
 */
export function normalizeValue(syntax: Syntax, value: Value): string | undefined {
  if (syntax !== "dn") return normalizePlain(syntax, value);
  try {
    return dnKey(typeof value === "string" ? value : Buffer.from(value).toString("utf8"));
  } catch (error) {
    if (error instanceof ResultError) return undefined;
    throw error;
  }
}
