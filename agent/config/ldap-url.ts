/** A server of a directory. */
export interface LdapUrl {
  readonly secure: boolean;
  /** ldapi://: a Unix socket of this machine, named by its path in percent encoding instead of host and port. */
  readonly isSocket: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** What messages say was expected. */
export const LDAP_URL_FORM =
  "ldaps://host or ldap://host, with :port if it is not the standard one, or ldapi://%2Fpath";

export const LDAP_URL_PATTERN =
  /^ldapi:\/\/%2[Ff](?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2}){1,320}\/?$|^(ldaps?):\/\/(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?\/?$/;

const LDAP_PORT = 389;
const LDAPS_PORT = 636;
const MAX_PORT = 65_535;

/**
 * The scheme, host and port of an LDAP URL (RFC 4516). The rest of that syntax, which names entries, is refused.
 * @returns undefined when the text is none
 */
export function parseLdapUrl(text: string): LdapUrl | undefined {
  const found = LDAP_URL_PATTERN.exec(text);
  if (found === null) return undefined;
  if (found[1] === undefined) {
    return { secure: false, isSocket: true, host: "localhost", port: 0 };
  }
  const [, scheme = "", host = "", digits] = found;
  const secure = scheme === "ldaps";
  const port = digits === undefined ? (secure ? LDAPS_PORT : LDAP_PORT) : Number(digits);
  if (port < 1 || port > MAX_PORT || !URL.canParse(text)) return undefined;
  return { secure, isSocket: false, host: host.replace(/^\[|\]$/g, ""), port };
}

/** Whether nothing sent to the host leaves this machine (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3). */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name === "::1") return true;
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}
