import { type CompiledMapping, sourceAttributes } from "../core/compiled-mapping.ts";
import { type Entry, textsOf } from "../core/entry.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";
import type { Directory } from "../ports.ts";
import { readWhole } from "./read-whole.ts";

/** The last part of a group's SID, by which its primary members name it; constructed (MS-ADTS section 3.1.1.4.5.11). */
const TOKEN = "primaryGroupToken";
const PRIMARY_GROUP = "primaryGroupID";
/** Domain Users (MS-SAMR section 2.2.1.14): the primary group of nearly everybody. */
const DOMAIN_USERS = "513";

/** Whether resources of this mapping have members that their entries do not name. */
export function readsPrimaryMembers(directory: Directory, mapping: CompiledMapping): boolean {
  if (!directory.hasPrimaryGroups || mapping.resourceType !== "Group") return false;
  return sourceAttributes(mapping).includes("member");
}

/** What a read of groups has to ask for besides, so that `withMembers` works. */
export function primaryGroupAttributes({ hasPrimaryGroups }: Directory): readonly string[] {
  return hasPrimaryGroups ? [TOKEN] : [];
}

/**
 * In Active Directory the members of a group whose primary group it is are not among its `member`s; they name it
 * themselves. For the length of one answer.
 */
export class PrimaryGroups {
  readonly #directory: Directory;
  /** DNs by token, of all whose primary group is not Domain Users. */
  #others: Promise<ReadonlyMap<string, readonly string[]>> | undefined;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /**
   * Learns who has another primary group than Domain Users. It is a search: to be called by whoever has none under way.
   * @throws AgentError as `readWhole`
   */
  async load(signal: AbortSignal): Promise<void> {
    if (this.#directory.hasPrimaryGroups) await this.#loadOthers(signal);
  }

  /**
   * DNs of the primary members of a group that was read with `primaryGroupAttributes`. May be a search, for Domain Users.
   * @throws AgentError as `readWhole`
   */
  async membersOf(group: Entry, signal: AbortSignal): Promise<readonly string[]> {
    const [token] = textsOf(group, TOKEN);
    if (token === undefined) return [];
    if (token === DOMAIN_USERS) {
      const own = { kind: "equality", attribute: PRIMARY_GROUP, value: token } as const;
      return (await this.#find(own, signal)).get(token) ?? [];
    }
    return (await this.#loadOthers(signal)).get(token) ?? [];
  }

  /** The group with its primary members among its members. `load` must have ended. */
  async withMembers(group: Entry, signal: AbortSignal): Promise<Entry> {
    const [token] = textsOf(group, TOKEN);
    const others = await this.#others;
    if (token === undefined || others === undefined) return group;
    signal.throwIfAborted();
    const more = others.get(token) ?? [];
    if (more.length === 0) return group;
    const attributes = new Map(group.attributes);
    attributes.set("member", [...(attributes.get("member") ?? []), ...more]);
    return { ...group, attributes };
  }

  #loadOthers(signal: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>> {
    const usual = { kind: "equality", attribute: PRIMARY_GROUP, value: DOMAIN_USERS } as const;
    this.#others ??= this.#find({ kind: "not", filter: usual }, signal);
    return this.#others;
  }

  async #find(
    ldapFilter: LdapFilter,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    const { baseDn } = this.#directory;
    const people = { kind: "equality", attribute: "objectClass", value: "user" } as const;
    const machines = { kind: "equality", attribute: "objectClass", value: "computer" } as const;
    const query = {
      baseDn,
      searchScope: "sub",
      ldapFilter: {
        kind: "and",
        filters: [people, { kind: "not", filter: machines }, ldapFilter],
      },
      attributes: [PRIMARY_GROUP],
    } as const;
    const found = new Map<string, string[]>();
    for await (const batch of readWhole(this.#directory, query, signal)) {
      for (const entry of batch) {
        const [token] = textsOf(entry, PRIMARY_GROUP);
        if (token === undefined) continue;
        const members = found.get(token);
        if (members === undefined) found.set(token, [entry.dn]);
        else members.push(entry.dn);
      }
    }
    return found;
  }
}
