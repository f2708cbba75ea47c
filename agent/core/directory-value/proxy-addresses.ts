/** The SMTP addresses of a mailbox. */
export interface SmtpAddresses {
  readonly primary: string | undefined;
  /** Each once in whatever letter case, the primary one not among them, sorted. */
  readonly others: readonly string[];
}

const SMTP = "smtp:";

/**
 * Reads proxyAddresses (MS-ADA3): `SMTP:` in upper case marks the primary address, `smtp:` the others. What has another
 * prefix or none (X500, SIP, EUM …) is left out. The server keeps no order, hence the sorting: an address that moved
 * would be taken for a change. Of several primary addresses, a mistake, the first in that order is taken.
 */
export function readProxyAddresses(values: readonly string[]): SmtpAddresses {
  const primaries: string[] = [];
  const others: string[] = [];
  for (const value of values) {
    const prefix = value.slice(0, SMTP.length);
    const address = value.slice(SMTP.length).trim();
    if (address === "" || prefix.toLowerCase() !== SMTP) continue;
    if (prefix === SMTP.toUpperCase()) primaries.push(address);
    else others.push(address);
  }
  const [primary, ...further] = primaries.sort();
  const seen = new Set(primary === undefined ? [] : [primary.toLowerCase()]);
  const distinct = [...others, ...further].sort().filter((address) => {
    const folded = address.toLowerCase();
    if (seen.has(folded)) return false;
    seen.add(folded);
    return true;
  });
  return { primary, others: distinct };
}
