import { parseExtendedDn } from "./extended-dn.ts";

/** Attribute type and value of one AVA, the value unescaped (RFC 4514 section 2.3). */
interface Ava {
  readonly type: string;
  readonly value: string;
  /** The value is the hex of its BER encoding, after a `#`. */
  readonly isHex?: true;
}

type Rdn = readonly Ava[];

const HEX_PAIR = /^[0-9a-fA-F]{2}$/;

/** Types that RFC 4514 section 3 and RFC 4519 let a server write in another way. */
const TYPE_ALIASES: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "cn"],
  ["commonname", "cn"],
  ["2.5.4.7", "l"],
  ["localityname", "l"],
  ["2.5.4.8", "st"],
  ["stateorprovincename", "st"],
  ["2.5.4.10", "o"],
  ["organizationname", "o"],
  ["2.5.4.11", "ou"],
  ["organizationalunitname", "ou"],
  ["2.5.4.6", "c"],
  ["countryname", "c"],
  ["2.5.4.9", "street"],
  ["streetaddress", "street"],
  ["0.9.2342.19200300.100.1.25", "dc"],
  ["domaincomponent", "dc"],
  ["0.9.2342.19200300.100.1.1", "uid"],
  ["userid", "uid"],
]);

/**
 * The RDNs of a distinguished name, leaf first (RFC 4514 section 3; `;` as separator and spaces around separators as
 * in RFC 2253 section 4 are accepted).
 * @returns undefined when the text is no DN
 */
export function parseDn(dn: string): readonly Rdn[] | undefined {
  if (dn.trim() === "") return [];
  const rdns: Ava[][] = [[]];
  let rest = 0;
  for (;;) {
    const equals = dn.indexOf("=", rest);
    if (equals < 0) return undefined;
    const type = dn.slice(rest, equals).trim().toLowerCase();
    if (!/^(oid\.)?[a-z0-9][a-z0-9.-]*$/.test(type)) return undefined;
    const parsed = parseValue(dn, equals + 1);
    if (parsed === undefined) return undefined;
    const plainType = type.replace(/^oid\./, "");
    const { end, ...value } = parsed;
    rdns.at(-1)?.push({ type: TYPE_ALIASES.get(plainType) ?? plainType, ...value });
    if (end >= dn.length) return rdns;
    if (dn[end] !== "+") rdns.push([]);
    rest = end + 1;
  }
}

type ParsedValue = Omit<Ava, "type"> & { readonly end: number };

/** The value from `start` to the next separator that is not escaped. */
function parseValue(dn: string, start: number): ParsedValue | undefined {
  let at = start;
  while (dn[at] === " ") at++;
  if (dn[at] === "#") return parseHexValue(dn, at);
  const quoted = dn[at] === '"';
  if (quoted) at++;
  const bytes: number[] = [];
  let text = "";
  let keep = 0;
  const flush = () => {
    if (bytes.length === 0) return;
    text += Buffer.from(bytes.splice(0)).toString("utf8");
    // An escaped space at the end belongs to the value.
    keep = text.length;
  };
  for (; at < dn.length; at++) {
    const c = dn.charAt(at);
    if (c === "\\") {
      const pair = dn.slice(at + 1, at + 3);
      if (HEX_PAIR.test(pair)) {
        bytes.push(Number.parseInt(pair, 16));
        at += 2;
      } else {
        if (at + 1 >= dn.length) return undefined;
        flush();
        text += dn.charAt(++at);
        keep = text.length;
      }
      continue;
    }
    if (quoted ? c === '"' : c === "," || c === "+" || c === ";") break;
    flush();
    text += c;
  }
  flush();
  if (!quoted) return { value: trimEnd(text, keep), end: at };
  if (dn[at] !== '"') return undefined;
  at++;
  while (dn[at] === " ") at++;
  if (at < dn.length && !/[,+;]/.test(dn.charAt(at))) return undefined;
  return { value: text, end: at };
}

function parseHexValue(dn: string, start: number): ParsedValue | undefined {
  const found = /^#(?:[0-9a-fA-F]{2})+/.exec(dn.slice(start));
  if (found === null) return undefined;
  let end = start + found[0].length;
  while (dn[end] === " ") end++;
  if (end < dn.length && !/[,+;]/.test(dn.charAt(end))) return undefined;
  return { value: found[0].toLowerCase(), end, isHex: true };
}

function trimEnd(text: string, keep: number): string {
  let end = text.length;
  while (end > keep && text[end - 1] === " ") end--;
  return text.slice(0, end);
}

/** Plain ASCII without anything that could be written in two ways, besides letter case. */
const PLAIN =
  /^(?:(?:cn|ou|dc|uid|o|c|l|st)=[A-Za-z0-9._@'()&/-]+(?: [A-Za-z0-9._@'()&/-]+)*(?:,|$))+$/i;

/** Parents whose keys are remembered: a listing has many entries below each. */
const MAX_PARENTS = 4096;
/** Characters of a DN whose ancestors are looked up one by one. */
const MAX_WALKED_LENGTH = 2048;
const parents = new Map<string, string>();

/** In front of the key of a text that is no DN. */
const NO_DN = "\u0000";

/**
 * A text that is equal for two spellings of the same DN and different otherwise: letter case, spaces, escapes, order
 * within a multi-valued RDN and aliases of attribute types are evened out. Values compare as caseIgnoreMatch does
 * (RFC 4518), which is the rule of every naming attribute in use. Two keys compare with `===`, ancestors with
 * `isUnder`. Text that is no DN gives a key that equals no DN's. Of the extended form of Active Directory
 * (`<GUID=…>;<SID=…>;CN=…`) the DN counts.
 */
export function dnKey(dn: string): string {
  if (PLAIN.test(dn) && !dn.endsWith(",")) return dn.toLowerCase();
  if (dn.startsWith("<")) return extendedKey(dn);
  const comma = firstSeparator(dn);
  const parent = comma === undefined ? "" : dn.slice(comma + 1);
  const rdns = parseDn(parent.trim() === "" ? dn : dn.slice(0, comma));
  const key = rdns?.map(rdnKey).join(",");
  if (key === undefined) return `${NO_DN}${dn}`;
  if (parent.trim() === "") return key;
  const above = parentKey(parent);
  return rdns?.length !== 1 || above.startsWith(NO_DN) ? `${NO_DN}${dn}` : `${key},${above}`;
}

function extendedKey(dn: string): string {
  const extended = parseExtendedDn(dn);
  // Without its DN it names an entry that may be anywhere; the key of the empty DN would be above them all.
  return extended === undefined || extended.dn.trim() === "" ? `${NO_DN}${dn}` : dnKey(extended.dn);
}

/**
 * Where the leaf's RDN ends; undefined when there is no parent, when quotes or semicolons make it less than plain, or
 * when so many ancestors may follow that they are better not walked one within the other.
 */
function firstSeparator(dn: string): number | undefined {
  if (dn.length > MAX_WALKED_LENGTH || dn.includes('"') || dn.includes(";")) return undefined;
  for (let at = 0; at < dn.length; at++) {
    if (dn[at] === "\\") at++;
    else if (dn[at] === ",") return at;
  }
  return undefined;
}

function parentKey(parent: string): string {
  const known = parents.get(parent);
  if (known !== undefined) return known;
  const key = dnKey(parent);
  if (parents.size >= MAX_PARENTS) parents.clear();
  parents.set(parent, key);
  return key;
}

function rdnKey(rdn: Rdn): string {
  const avas = rdn.map(({ type, value, isHex }) => `${type}=${isHex ? value : foldValue(value)}`);
  return avas.length === 1 ? (avas[0] ?? "") : avas.sort().join("+");
}

function foldValue(value: string): string {
  // RFC 3454 table B.2 folds the final sigma too; toLowerCase makes one at the end of each word.
  const lower = value.normalize("NFKC").toLowerCase().replaceAll("ς", "σ");
  const folded = lower.trim().replace(/\s+/g, " ");
  // What separates keys must not stand inside a value, nor what marks a hex value in front of one.
  return folded.replace(/[,+\\]|^#/g, (c) => `\\${c.charCodeAt(0).toString(16)}`);
}

/**
 * Whether the entry with key `key` is the one with `ancestorKey` or below it. Every DN is under the empty one; text
 * that is no DN is under nothing.
 */
export function isUnder(key: string, ancestorKey: string): boolean {
  if (key === ancestorKey) return true;
  if (key.startsWith(NO_DN)) return false;
  if (ancestorKey === "") return true;
  return key.endsWith(ancestorKey) && key[key.length - ancestorKey.length - 1] === ",";
}

/** How many RDNs the DN of this key has. */
export function dnDepth(key: string): number {
  if (key === "") return 0;
  let depth = 1;
  for (let at = key.indexOf(","); at >= 0; at = key.indexOf(",", at + 1)) depth++;
  return depth;
}
