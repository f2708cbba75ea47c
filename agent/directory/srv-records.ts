import type { DirectoryKind } from "./dialect.ts";

/** What a DNS SRV record says (RFC 2782), as `node:dns` spells it. */
export interface SrvRecord {
  /** Host. `.` says that there is decidedly no such service. */
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** Which servers are looked for. */
export interface Discovery {
  /** DNS name: `ad.example.com`. */
  readonly domain: string;
  /** Of Active Directory: servers of this site come before all others. */
  readonly site: string | undefined;
}

/** Names of the records to ask for, the better ones first (MS-ADTS section 6.3.2.3). */
export function srvNames(
  { domain, site }: Discovery,
  { kind, globalCatalog }: { readonly kind: DirectoryKind; readonly globalCatalog: boolean },
): readonly string[] {
  if (kind === "openLdap") return [`_ldap._tcp.${domain}`];
  const [service, suffix] = globalCatalog
    ? ["_gc._tcp", domain]
    : ["_ldap._tcp", `dc._msdcs.${domain}`];
  const everywhere = `${service}.${suffix}`;
  return site === undefined ? [everywhere] : [`${service}.${site}._sites.${suffix}`, everywhere];
}

/**
 * The order in which clients are to try the records (RFC 2782): by priority, and among equals by chance, where a
 * greater weight is a greater chance to come early.
 * @param random from 0 to below 1
 */
export function orderSrvRecords(
  records: readonly SrvRecord[],
  random: () => number,
): readonly SrvRecord[] {
  // Those without weight come first, as the RFC says, so that they have a small chance too.
  const left = records
    .filter(({ name }) => name !== "" && name !== ".")
    .sort((a, b) => a.priority - b.priority || a.weight - b.weight);
  const ordered: SrvRecord[] = [];
  while (left.length > 0) {
    const end = left.findIndex(({ priority }) => priority !== left[0]?.priority);
    const equals = end === -1 ? left : left.slice(0, end);
    const drawn = Math.floor(random() * (equals.reduce((sum, { weight }) => sum + weight, 0) + 1));
    let running = 0;
    const at = equals.findIndex(({ weight }) => {
      running += weight;
      return running >= drawn;
    });
    ordered.push(...left.splice(at, 1));
  }
  return ordered;
}
