import type { Value } from "./entry.ts";
import type { AttributeType } from "./scim/schema.ts";

/** A value in the form that the SCIM schema wants, or why it cannot have it. Never names the value itself. */
export type Coerced =
  | { readonly ok: true; readonly value: string | number | boolean }
  | { readonly ok: false; readonly reason: string };

const GENERALIZED_TIME =
  /^(\d{4})(\d{2})(\d{2})(\d{2})(?:(\d{2})(\d{2})?)?(?:[.,](\d+))?(Z|[+-]\d{2}(?:\d{2})?)$/;
const XSD_DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

/** Brings a value of the directory into a simple type of RFC 7643 section 2.3. */
export function coerceValue(value: Value, type: AttributeType): Coerced {
  if (typeof value !== "string") {
    if (type === "binary") return { ok: true, value: Buffer.from(value).toString("base64") };
    return { ok: false, reason: `has bytes where ${type} was expected` };
  }
  switch (type) {
    case "string":
    case "reference":
      return { ok: true, value };
    case "binary":
      return { ok: true, value: Buffer.from(value, "utf8").toString("base64") };
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
  const parts = GENERALIZED_TIME.exec(value);
  let iso = value;
  if (parts !== null) {
    const [, year, month, day, hour, minute = "00", second = "00", fraction, zone = "Z"] = parts;
    // A fraction belongs to the smallest unit that is written; only fractions of a second are in use.
    if (fraction !== undefined && parts[6] === undefined) return wrong("dateTime");
    const millis = fraction === undefined ? "" : `.${fraction.slice(0, 3).padEnd(3, "0")}`;
    const offset = zone === "Z" ? "Z" : `${zone.slice(0, 3)}:${zone.slice(3) || "00"}`;
    iso = `${year}-${month}-${day}T${hour}:${minute}:${second}${millis}${offset}`;
  }
  if (!XSD_DATE_TIME.test(iso) || !isDate(iso.slice(0, 10))) return wrong("dateTime");
  const time = Date.parse(iso);
  if (Number.isNaN(time)) return wrong("dateTime");
  return { ok: true, value: new Date(time).toISOString() };
}

/** Whether the month has this day: Date.parse goes on into the next month. */
function isDate(date: string): boolean {
  return new Date(`${date}T00:00:00Z`).getUTCDate() === Number(date.slice(8));
}

function wrong(type: AttributeType): Coerced {
  return { ok: false, reason: `cannot be read as ${type}` };
}
