/** What a line of LDIF can hold (RFC 2849): an entry with text values. */
interface LdifEntry {
  readonly dn: string;
  readonly attributes: Readonly<Record<string, readonly string[]>>;
}

/** What needs no base64: SAFE-STRING of RFC 2849, without control characters. */
const SAFE = /^(?:[!-9;=-~][ -~]*)?$/;

/**
 * LDIF content records (RFC 2849), one chunk each, base64 where a value needs it. Lines are not folded, and the
 * version line is left out: slapadd takes it for an attribute.
 */
export function* companyToLdif(entries: Iterable<LdifEntry>): Generator<string> {
  for (const { dn, attributes } of entries) {
    let record = line("dn", dn);
    for (const [name, values] of Object.entries(attributes)) {
      for (const value of values) record += line(name, value);
    }
    yield `${record}\n`;
  }
}

function line(name: string, value: string): string {
  if (SAFE.test(value) && !value.endsWith(" "))
    return value === "" ? `${name}:\n` : `${name}: ${value}\n`;
  return `${name}:: ${Buffer.from(value).toString("base64")}\n`;
}

/** A value as it stands in a DN (RFC 4514 section 2.4). */
export function escapeRdnValue(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, "\\$&")
    .replaceAll("\u0000", "\\00")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, "\\ ");
}
