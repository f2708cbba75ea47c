/**
 * Syntaxes with the matching rules that OpenLDAP's schema gives them (RFC 4517): `text` is caseIgnoreMatch, `exact`
 * caseExactMatch, `ia5` caseIgnoreIA5Match, `telephone` telephoneNumberMatch, `octets` octetStringMatch, `time`
 * generalizedTimeMatch, `oid` objectIdentifierMatch, `csn` OpenLDAP's CSNMatch, `dn` distinguishedNameMatch.
 */
export type Syntax =
  | "text"
  | "exact"
  | "ia5"
  | "telephone"
  | "integer"
  | "boolean"
  | "octets"
  | "time"
  | "uuid"
  | "csn"
  | "oid"
  | "dn";

/** All but names, whose normal form needs the schema. */
export type PlainSyntax = Exclude<Syntax, "dn">;

/** Nothing here needs any preparation but lower case: printable ASCII with single spaces inside. */
const PLAIN_TEXT = /^[!-~]+(?: [!-~]+)*$/;
/** RFC 4518 section 2.2: mapped to nothing. */
const IGNORED = /(?![\t-\r\u0085])(?:\p{Cc}|\p{Cf}|\p{Variation_Selector}|\u034f|\ufffc)/gu;
const SPACES = /[\s\u0085]+/g;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;
const TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,](\d+))?(Z|[+-]\d\d(?:\d\d)?)$/;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const TIME_SHIFT_MS = 1e14;

/** RFC 4518 preparation without the outer spaces rule: mapped, case folded, runs of spaces made one. */
export function foldText(value: string): string {
  return foldCase(prepareText(value));
}

function prepareText(value: string): string {
  return value.replace(IGNORED, "").normalize("NFKC").replace(SPACES, " ");
}

function foldCase(value: string): string {
  // RFC 3454 table B.2 folds the final sigma with the other one, toLowerCase does not.
  return value.toLowerCase().replaceAll("ς", "σ");
}

/**
 * The text that all equal values share, or undefined when the value is none of this syntax.
 * Octets become text of one character per octet, times milliseconds since 1970 in fixed width.
 */
export function normalizePlain(
  syntax: PlainSyntax,
  value: string | Uint8Array,
): string | undefined {
  if (syntax === "octets") return Buffer.from(value).toString("latin1");
  const text = typeof value === "string" ? value : decode(syntax, value);
  if (text === undefined) return undefined;
  switch (syntax) {
    case "text":
    case "ia5":
      if (PLAIN_TEXT.test(text)) return text.toLowerCase();
      return foldText(text).trim();
    case "exact":
      return PLAIN_TEXT.test(text) ? text : prepareText(text).trim();
    case "telephone":
      return foldText(text).replace(/[ -]/g, "");
    case "integer":
      return /^-?(?:0|[1-9]\d*)$/.test(text) ? text : undefined;
    case "boolean":
      return /^(?:TRUE|FALSE)$/.test(text) ? text : undefined;
    case "oid":
      return text.trim().toLowerCase();
    case "csn":
      return text;
    case "uuid": {
      const lower = text.toLowerCase();
      return UUID.test(lower) ? lower.replaceAll("-", "") : undefined;
    }
    case "time": {
      const epochMs = parseTime(text);
      // Shifted so that times before 1970 keep their order as text.
      return epochMs === undefined ? undefined : String(epochMs + TIME_SHIFT_MS).padStart(16, "0");
    }
  }
}

function decode(syntax: PlainSyntax, octets: Uint8Array): string | undefined {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  if (syntax === "uuid" && octets.length === 16) return buffer.toString("hex");
  const text = buffer.toString("utf8");
  return text.includes("\ufffd") && !Buffer.from(text).equals(buffer) ? undefined : text;
}

/** Milliseconds since 1970 of a GeneralizedTime (RFC 4517 section 3.3.13); undefined when it is none. */
export function parseTime(text: string): number | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, zone = "Z"] = match;
  const date = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute ?? 0),
    Number(second ?? 0),
  );
  if (new Date(date).getUTCDate() !== Number(day) || Number(month) > 12) return undefined;
  const unit = second !== undefined ? 1000 : minute !== undefined ? MINUTE_MS : HOUR_MS;
  const part = fraction === undefined ? 0 : Number(`0.${fraction}`) * unit;
  const offset =
    zone === "Z" ? 0 : (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3) || 0)) * MINUTE_MS;
  return Math.round(date + part) - (zone.startsWith("-") ? -offset : offset);
}

/** Milliseconds since 1970 as GeneralizedTime of whole seconds. */
export function printTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
}

/** Which of two normal forms comes first: negative, zero or positive. */
export function compareNormal(syntax: Syntax, a: string, b: string): number {
  if (syntax === "integer") {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}
