import { printGuid } from "../../core/directory-value/guid.ts";
import { dnKey, isUnder } from "../../core/dn.ts";
import { ROOT_DSE } from "../named-reads.ts";
import type { RequestControl } from "../requests.ts";
import { type ChangedEntry, textIn } from "./changed-entry.ts";
import { type DeltaRun, requireSuccess, textsIn } from "./strategy.ts";

/** LDAP_SERVER_SHOW_DELETED_OID, MS-ADTS section 3.1.1.3.4.1.14. */
export const SHOW_DELETED: RequestControl = { oid: "1.2.840.113556.1.4.417", critical: true };
/** LDAP_SERVER_DOMAIN_SCOPE_OID, MS-ADTS section 3.1.1.3.4.1.9: no references to other naming contexts. */
export const DOMAIN_SCOPE: RequestControl = { oid: "1.2.840.113556.1.4.1339", critical: false };

/** What a domain controller says of itself. */
export interface ControllerFacts {
  /** The naming context that the base is in. */
  readonly namingContext: string | undefined;
  readonly supportedControls: readonly string[];
  /** A decimal number of up to 64 bits. */
  readonly highestCommittedUsn: string | undefined;
  /** DN of its NTDS settings object. */
  readonly serviceName: string | undefined;
}

/** @throws AgentError as `Directory.read` */
export async function readController(run: DeltaRun, signal: AbortSignal): Promise<ControllerFacts> {
  const attributes = ["namingContexts", "supportedControl", "highestCommittedUSN", "dsServiceName"];
  const rootDse = await run.read(ROOT_DSE, attributes, signal);
  const base = dnKey(run.baseDn);
  const contexts = textsIn(rootDse, "namingContexts")
    .filter((dn) => isUnder(base, dnKey(dn)))
    .sort((a, b) => b.length - a.length);
  const [usn] = textsIn(rootDse, "highestCommittedUSN");
  return {
    namingContext: contexts[0],
    supportedControls: textsIn(rootDse, "supportedControl"),
    highestCommittedUsn: usn !== undefined && /^\d{1,19}$/.test(usn) ? usn : undefined,
    serviceName: textsIn(rootDse, "dsServiceName")[0],
  };
}

/** The id of the database of a domain controller; another one after it was restored (MS-ADTS section 6.1.1.2.2.1.2.1.1). */
export async function readInvocationId(
  serviceName: string | undefined,
  run: DeltaRun,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (serviceName === undefined) return undefined;
  const entry = await run.read(serviceName, ["invocationId"], signal);
  const value = entry?.attributes.get("invocationid")?.[0];
  return value === undefined || typeof value === "string" ? undefined : printGuid(value);
}

/** The objectGUID of an entry as text. */
export function guidOf(entry: ChangedEntry): string | undefined {
  const [value] = entry.attributes.get("objectguid") ?? [];
  return value === undefined ? undefined : printGuid(value);
}

export function isTombstone(entry: ChangedEntry): boolean {
  return textIn(entry, "isDeleted")?.toLowerCase() === "true";
}

/**
 * Whether there is an entry directly below this one.
 * @throws AgentError as `Directory.read`
 */
export async function hasChildren(
  dn: string,
  run: DeltaRun,
  signal: AbortSignal,
): Promise<boolean> {
  const end = await run.search(
    {
      baseDn: dn,
      searchScope: "one",
      ldapFilter: { kind: "present", attribute: "objectClass" },
      attributes: ["1.1"],
      controls: [DOMAIN_SCOPE],
      pageSize: 1,
      onEntry: () => false,
    },
    signal,
  );
  if (end === "left") return true;
  // Gone since, or not to be seen: nobody knows what was below.
  if (end.code === NO_SUCH_OBJECT) return true;
  requireSuccess("search for entries below another one", end);
  return false;
}

const NO_SUCH_OBJECT = 32;

/**
 * The deletions since a number, as far as this account sees them. `visible` is false when it sees no deleted object at all,
 * which in a domain that is in use means that it may not.
 * @throws AgentError as `Directory.read`
 */
export async function readDeletions(
  { namingContext, sinceUsn }: { readonly namingContext: string; readonly sinceUsn: string },
  run: DeltaRun,
  signal: AbortSignal,
): Promise<{ readonly visible: boolean; readonly ids: readonly string[] }> {
  const folder = `CN=Deleted Objects,${namingContext}`;
  const common = { baseDn: folder, searchScope: "one", controls: [SHOW_DELETED] } as const;
  const deleted = { kind: "equality", attribute: "isDeleted", value: "TRUE" } as const;
  const ids: string[] = [];
  const recent = await run.search(
    {
      ...common,
      ldapFilter: {
        kind: "and",
        filters: [
          deleted,
          { kind: "greaterOrEqual", attribute: "uSNChanged", value: nextUsn(sinceUsn) },
        ],
      },
      attributes: ["objectGUID"],
      pageSize: run.pageSize,
      onEntry(entry) {
        const id = guidOf(entry);
        if (id !== undefined) ids.push(id);
        return true;
      },
    },
    signal,
  );
  if (recent === "left" || UNREADABLE.has(recent.code)) return { visible: false, ids: [] };
  requireSuccess("search for deleted objects", recent);
  if (ids.length > 0) return { visible: true, ids };
  const any = await run.search(
    { ...common, ldapFilter: deleted, attributes: ["1.1"], pageSize: 1, onEntry: () => false },
    signal,
  );
  return { visible: any === "left", ids };
}

/** noSuchObject, insufficientAccessRights */
const UNREADABLE: ReadonlySet<number> = new Set([NO_SUCH_OBJECT, 50]);

export function nextUsn(usn: string): string {
  return String(BigInt(usn) + 1n);
}
