import { ResultError } from "./result.ts";
import { attributeType } from "./schema.ts";
import { normalizePlain } from "./syntax.ts";

/** One attributeType=value of an RDN; the value without escapes. */
export interface NamePart {
  readonly type: string;
  readonly value: string;
}

/** A relative distinguished name: one part, or several joined by `+`. */
export type Rdn = readonly NamePart[];

/** RFC 4514 section 2.4: these need a backslash wherever they stand. */
const SPECIAL = new Set([...'"+,;<>\\=']);
const HEX_PAIR = /^[0-9a-fA-F]{2}$/;
const TYPE = /^(?:[a-zA-Z][a-zA-Z0-9-]*|\d+(?:\.\d+)+)$/;

/**
 * The RDNs of a name, leaf first (RFC 4514; spaces around the separators are taken as in RFC 2253).
 * @throws ResultError invalidDNSyntax
 */
export function parseDn(dn: string): Rdn[] {
  const rdns: Rdn[] = [];
  if (dn.trim() === "") return rdns;
  let parts: NamePart[] = [];
  let offset = 0;
  for (;;) {
    const equals = dn.indexOf("=", offset);
    const type = equals < 0 ? "" : dn.slice(offset, equals).trim();
    if (!TYPE.test(type)) throw invalid("an RDN without attribute type");
    const read = readValue(dn, equals + 1);
    parts.push({ type, value: read.value });
    offset = read.end + 1;
    const separator = dn[read.end];
    if (separator === "+") continue;
    rdns.push(parts);
    parts = [];
    if (separator === undefined) return rdns;
  }
}

/** Reads one value up to the next separator, which is not consumed. */
function readValue(dn: string, start: number): { value: string; end: number } {
  let offset = start;
  while (dn[offset] === " ") offset += 1;
  if (dn[offset] === "#") return readHexValue(dn, offset);
  if (dn[offset] === '"') return readQuotedValue(dn, offset);
  let value = "";
  let spaces = "";
  while (offset < dn.length) {
    const character = dn.charAt(offset);
    if (character === "," || character === ";" || character === "+") break;
    if (character === '"') throw invalid("a bare quotation mark");
    if (character === " ") {
      // Unescaped spaces at the end are no part of the value.
      spaces += character;
      offset += 1;
      continue;
    }
    value += spaces;
    spaces = "";
    if (character !== "\\") {
      value += character;
      offset += 1;
      continue;
    }
    const escaped = readEscape(dn, offset);
    value += escaped.value;
    offset = escaped.end;
  }
  return { value, end: offset };
}

/** Quotation as in RFC 2253, which readers still take. */
function readQuotedValue(dn: string, start: number): { value: string; end: number } {
  let value = "";
  let offset = start + 1;
  while (dn[offset] !== '"') {
    if (offset >= dn.length) throw invalid("a quotation that does not end");
    if (dn[offset] !== "\\") {
      value += dn.charAt(offset);
      offset += 1;
      continue;
    }
    const escaped = readEscape(dn, offset);
    value += escaped.value;
    offset = escaped.end;
  }
  const end = offset + 1 + (/^ */.exec(dn.slice(offset + 1))?.[0].length ?? 0);
  if (end < dn.length && !/[,;+]/.test(dn.charAt(end))) throw invalid("text after a quotation");
  return { value, end };
}

/** A run of `\xx` is UTF-8 together; a backslash before a special character or space stands for that character. */
function readEscape(dn: string, start: number): { value: string; end: number } {
  const next = dn[start + 1];
  if (next !== undefined && (SPECIAL.has(next) || next === " " || next === "#")) {
    return { value: next, end: start + 2 };
  }
  const bytes: number[] = [];
  let offset = start;
  while (dn[offset] === "\\" && HEX_PAIR.test(dn.slice(offset + 1, offset + 3))) {
    bytes.push(Number.parseInt(dn.slice(offset + 1, offset + 3), 16));
    offset += 3;
  }
  if (bytes.length === 0) throw invalid("a backslash before nothing that needs one");
  return { value: utf8(Buffer.from(bytes)), end: offset };
}

/** `#` and the BER of the value in hexadecimal; strings are read, other types are refused. */
function readHexValue(dn: string, start: number): { value: string; end: number } {
  const match = /^#((?:[0-9a-fA-F]{2})+) *(?=[,;+]|$)/.exec(dn.slice(start));
  if (match?.[1] === undefined) throw invalid("a # that no hexadecimal pairs follow");
  const bytes = Buffer.from(match[1], "hex");
  const isText = [0x04, 0x0c, 0x13, 0x16].includes(bytes[0] ?? 0) && bytes[1] === bytes.length - 2;
  if (!isText || (bytes[1] ?? 0) >= 0x80) throw invalid("a # value that is no short string");
  return { value: utf8(bytes.subarray(2)), end: start + match[0].length };
}

function utf8(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(bytes)) throw invalid("escaped octets that are not UTF-8");
  return text;
}

function invalid(what: string): ResultError {
  return new ResultError("invalidDNSyntax", `invalid DN: ${what}`);
}

/** What two spellings of the same RDN have in common (RFC 4517 distinguishedNameMatch). */
export function rdnKey(rdn: Rdn): string {
  if (rdn.length === 1 && rdn[0] !== undefined) return partKey(rdn[0]);
  return rdn.map(partKey).sort().join("+");
}

function partKey({ type, value }: NamePart): string {
  const known = attributeType(type);
  const name = (known?.name ?? type).toLowerCase();
  const plain =
    known === undefined || known.syntax === "dn"
      ? value.toLowerCase()
      : normalizePlain(known.syntax, value);
  // No comma is left that is not a separator: keys are compared by their ends.
  const escaped = (plain ?? value).replace(/[\\,+]/g, (c) => `\\${c.charCodeAt(0).toString(16)}`);
  return `${name}=${escaped}`;
}

/** Keys of names met lately: the same groups, managers and containers come again and again. */
const KEYS = new Map<string, string>();
/** Forgotten as a whole beyond this: some 10 MB. */
const MAX_KEYS = 20_000;

/** What two spellings of the same DN have in common; `a` is below `b` when its key ends with `,` and the key of b. */
export function dnKey(dn: string): string {
  const known = KEYS.get(dn);
  if (known !== undefined) return known;
  const key = parseDn(dn).map(rdnKey).join(",");
  if (KEYS.size >= MAX_KEYS) KEYS.clear();
  KEYS.set(dn, key);
  return key;
}

/** The key without its first RDN; undefined for the empty name. */
export function parentKey(key: string): string | undefined {
  if (key === "") return undefined;
  const comma = key.indexOf(",");
  return comma < 0 ? "" : key.slice(comma + 1);
}

/** A DN as slapd spells the names of entries: names of the schema, no spaces, escapes in hexadecimal. */
export function printDn(rdns: readonly Rdn[]): string {
  return rdns.map(printRdn).join(",");
}

export function printRdn(rdn: Rdn): string {
  return rdn
    .map(({ type, value }) => `${attributeType(type)?.name ?? type}=${escapeValue(value)}`)
    .join("+");
}

/** Nothing in it is a separator or looks like white space at an end (RFC 4514 section 2.4). */
function escapeValue(value: string): string {
  return value
    .replace(/["+,;<>\\]|^[ #]| $/g, escapeCharacter)
    .replaceAll("\u0000", escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** The text of a DN after its first RDN, as it was spelled. */
export function parentText(dn: string): string {
  let escaped = false;
  for (let offset = 0; offset < dn.length; offset += 1) {
    const character = dn[offset];
    if (escaped) escaped = false;
    else if (character === "\\") escaped = true;
    else if (character === "," || character === ";") return dn.slice(offset + 1).trimStart();
  }
  return "";
}
