import { parseGeneralizedTime } from "./directory-value/generalized-time.ts";
import { printBase64 } from "./directory-value/octets.ts";
import type { Value } from "./entry.ts";
import type { AttributeType } from "./scim/schema.ts";

/** A value in the form that the SCIM schema wants, or why it cannot have it. Never names the value itself. */
export type Coerced =
  | { readonly ok: true; readonly value: string | number | boolean }
  | { readonly ok: false; readonly reason: string };

/** Brings a value of the directory into a simple type of RFC 7643 section 2.3. */
export function coerceValue(value: Value, type: AttributeType): Coerced {
  if (typeof value !== "string") {
    if (type === "binary") return { ok: true, value: printBase64(value) };
    return { ok: false, reason: `has bytes where ${type} was expected` };
  }
  switch (type) {
    case "string":
    case "reference":
      return { ok: true, value };
    case "binary":
      return { ok: true, value: printBase64(value) };
    case "boolean":
      return coerceBoolean(value);
    case "integer":
      return /^[+-]?\d{1,15}$/.test(value) ? { ok: true, value: Number(value) } : wrong(type);
    case "decimal":
      return /^[+-]?\d{1,15}(?:\.\d+)?$/.test(value)
        ? { ok: true, value: Number(value) }
        : wrong(type);
    case "dateTime":
      return coerceDateTime(value);
    case "complex":
      return wrong(type);
  }
}

/** RFC 4517 section 3.3.3 writes TRUE and FALSE; other directories write other letter cases. */
function coerceBoolean(value: string): Coerced {
  const folded = value.toLowerCase();
  if (folded === "true" || folded === "false") return { ok: true, value: folded === "true" };
  return wrong("boolean");
}

/** Generalized time (RFC 4517 section 3.3.13), or what already is an xsd:dateTime, as UTC. */
function coerceDateTime(value: string): Coerced {
  const time = parseGeneralizedTime(value);
  return time === undefined ? wrong("dateTime") : { ok: true, value: new Date(time).toISOString() };
}

function wrong(type: AttributeType): Coerced {
  return { ok: false, reason: `cannot be read as ${type}` };
}
