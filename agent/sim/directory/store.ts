import { randomUUID } from "node:crypto";
import {
  applyModification,
  createAttributes,
  type GivenAttribute,
  type Modification,
} from "./attribute-set.ts";
import { ChangeLog } from "./change-log.ts";
import { ChangeSequence, timestampOf } from "./change-sequence.ts";
import {
  dnKey,
  parentKey,
  parentText,
  parseDn,
  printDn,
  printRdn,
  rdnKey,
} from "./distinguished-name.ts";
import type { DirectoryEntry, StoredAttribute, StoredEntry } from "./entry.ts";
import { checkEntry } from "./entry-check.ts";
import { EqualityIndex } from "./equality-index.ts";
import type { Value } from "./matching.ts";
import { addNamingValues, renameAttributes } from "./naming.ts";
import { referrersOf, replaceReferences } from "./referential-integrity.ts";
import { ResultError } from "./result.ts";
import { normalizePlain } from "./syntax.ts";

export interface StoreOptions {
  readonly baseDn: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /**
   * Whether a rename or delete rewrites `member` and `manager` elsewhere, as OpenLDAP's refint overlay does: without
   * a new entryCSN on the entries rewritten.
   */
  readonly referentialIntegrity: boolean;
}

export interface WriteOptions {
  /** Who it is done as; creatorsName and modifiersName. Without it the server itself. */
  readonly by?: string;
}

export interface RenameOptions extends WriteOptions {
  readonly newRdn: string;
  /** Left where it is without it. */
  readonly newParentDn?: string;
  /** True without it. */
  readonly deleteOldRdn?: boolean;
}

/** The server's own name, as slapd uses its rootdn. */
const SELF = "cn=directory";

/** Operational attributes that an in-process add may bring along, as slapadd allows. */
const KEPT_ON_LOAD = ["entryuuid", "createtimestamp"];

/**
 * The entries, in memory. All four writes are atomic: they throw before they change anything. Each one is what the
 * LDAP operation of that name does, and throws what the operation would answer.
 */
export class DirectoryStore {
  readonly baseKey: string;
  readonly baseDn: string;
  readonly index = new EqualityIndex();
  readonly changes = new ChangeLog();
  readonly #referentialIntegrity: boolean;
  readonly #sequence: ChangeSequence;
  readonly #byKey = new Map<string, StoredEntry>();
  readonly #byUuid = new Map<string, StoredEntry>();
  /** In the order they were added, which is the order of every answer; a rename keeps the place. */
  readonly #entries = new Set<StoredEntry>();

  /** @throws ResultError invalidDNSyntax */
  constructor({ baseDn, now, referentialIntegrity }: StoreOptions) {
    this.baseDn = baseDn;
    this.baseKey = dnKey(baseDn);
    this.#sequence = new ChangeSequence(now);
    this.#referentialIntegrity = referentialIntegrity;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The CSN of the last change; the suffix entry shows it as contextCSN. */
  get contextCsn(): string {
    return this.#sequence.last;
  }

  entries(): IterableIterator<StoredEntry> {
    return this.#entries.values();
  }

  byKey(key: string): StoredEntry | undefined {
    return this.#byKey.get(key);
  }

  /** @param uuid 32 hexadecimal digits in lower case */
  byUuid(uuid: string): StoredEntry | undefined {
    return this.#byUuid.get(uuid);
  }

  /** The nearest entry above a name that is not there; empty when there is none. */
  matchedDn(key: string): string {
    for (let above = parentKey(key); above !== undefined; above = parentKey(above)) {
      const entry = this.#byKey.get(above);
      if (entry !== undefined) return entry.dn;
    }
    return "";
  }

  /** User attributes and entryUUID of one entry, by the schema's names; undefined when there is none. */
  get(dn: string): DirectoryEntry | undefined {
    const entry = this.#byKey.get(dnKey(dn));
    if (entry === undefined) return undefined;
    const attributes: Record<string, readonly Value[]> = {};
    for (const { type, options, values } of entry.attributes) {
      attributes[[type.name, ...options].join(";")] = values;
    }
    return { dn: entry.dn, attributes: { ...attributes, entryUUID: [entry.uuid] } };
  }

  /**
   * The parent must be there, except for the base. entryUUID and createTimestamp may be given.
   * @throws ResultError entryAlreadyExists, noSuchObject, and whatever is wrong with the attributes
   */
  add({ dn, attributes }: DirectoryEntry, { by = SELF }: WriteOptions = {}): void {
    const rdns = parseDn(dn);
    const key = rdns.map(rdnKey).join(",");
    if (this.#byKey.has(key)) throw new ResultError("entryAlreadyExists", "entry already exists");
    const parent = this.#parentFor(key);
    const given: GivenAttribute[] = [];
    const kept = new Map<string, string>();
    for (const [attribute, values] of Object.entries(attributes)) {
      const name = attribute.toLowerCase();
      if (KEPT_ON_LOAD.includes(name)) kept.set(name, String(values[0]));
      else given.push({ attribute, values });
    }
    const rdn = rdns[0] ?? [];
    const held = addNamingValues(createAttributes(given), rdn);
    checkEntry(held, rdn);
    const uuid = (kept.get("entryuuid") ?? randomUUID()).toLowerCase();
    const uuidKey = normalizePlain("uuid", uuid);
    if (uuidKey === undefined)
      throw new ResultError("invalidAttributeSyntax", "entryUUID: value is invalid per syntax");
    if (this.#byUuid.has(uuidKey))
      throw new ResultError("constraintViolation", "entryUUID is already in use");
    const csn = this.#sequence.next();
    const now = timestampOf(csn);
    const entry: StoredEntry = {
      dn: printDn(rdns),
      key,
      attributes: held,
      uuid,
      csn,
      createTimestamp: kept.get("createtimestamp") ?? now,
      modifyTimestamp: now,
      creatorsName: by,
      modifiersName: by,
      children: new Set(),
      deleted: false,
    };
    this.#byKey.set(key, entry);
    this.#byUuid.set(uuidKey, entry);
    this.#entries.add(entry);
    parent?.children.add(entry);
    this.index.replace(entry, [], held);
    this.changes.append(entry, this.size);
  }

  /** @throws ResultError noSuchObject, namingViolation, and whatever is wrong with the changes */
  modify(dn: string, changes: readonly Modification[], { by = SELF }: WriteOptions = {}): void {
    const entry = this.#existing(dn);
    let attributes = entry.attributes;
    for (const change of changes) attributes = applyModification(attributes, change);
    const rdn = parseDn(entry.dn)[0] ?? [];
    checkEntry(attributes, rdn);
    this.#write(entry, attributes, by);
  }

  /** Moves everything below along. @throws ResultError noSuchObject, entryAlreadyExists, unwillingToPerform, affectsMultipleDSAs */
  rename(dn: string, { newRdn, newParentDn, deleteOldRdn = true, by = SELF }: RenameOptions): void {
    const entry = this.#existing(dn);
    const [rdn, ...rest] = parseDn(newRdn);
    if (rdn === undefined || rest.length > 0)
      throw new ResultError("invalidDNSyntax", "newRdn is not one RDN");
    if (entry.key === this.baseKey)
      throw new ResultError("unwillingToPerform", "the base cannot be renamed");
    const parent =
      newParentDn === undefined
        ? this.#byKey.get(parentKey(entry.key) ?? "")
        : this.#existing(newParentDn);
    if (parent === undefined)
      throw new ResultError("affectsMultipleDSAs", "no parent in this directory");
    if (parent === entry || parent.key.endsWith(`,${entry.key}`)) {
      throw new ResultError("unwillingToPerform", "an entry cannot be moved below itself");
    }
    const key = `${rdnKey(rdn)},${parent.key}`;
    if (key !== entry.key && this.#byKey.has(key))
      throw new ResultError("entryAlreadyExists", "entry already exists");
    const attributes = renameAttributes(entry, { rdn, deleteOldRdn });
    checkEntry(attributes, rdn);
    this.#byKey.get(parentKey(entry.key) ?? "")?.children.delete(entry);
    parent.children.add(entry);
    this.#relocate(entry, `${printRdn(rdn)},${parent.dn}`, key);
    this.#write(entry, attributes, by);
  }

  /** @throws ResultError noSuchObject, notAllowedOnNonLeaf */
  delete(dn: string): void {
    const entry = this.#existing(dn);
    if (entry.children.size > 0)
      throw new ResultError("notAllowedOnNonLeaf", "subordinate objects must be deleted first");
    this.index.replace(entry, entry.attributes, []);
    entry.deleted = true;
    this.#byKey.delete(entry.key);
    this.#byUuid.delete(normalizePlain("uuid", entry.uuid) ?? "");
    this.#entries.delete(entry);
    this.#byKey.get(parentKey(entry.key) ?? "")?.children.delete(entry);
    this.#sequence.next();
    this.#rewriteReferences(entry.key, undefined);
  }

  #existing(dn: string): StoredEntry {
    const key = dnKey(dn);
    const entry = this.#byKey.get(key);
    if (entry === undefined)
      throw new ResultError("noSuchObject", "no such object", this.matchedDn(key));
    return entry;
  }

  #parentFor(key: string): StoredEntry | undefined {
    if (key === this.baseKey) return undefined;
    const parent = this.#byKey.get(parentKey(key) ?? "");
    if (parent === undefined)
      throw new ResultError("noSuchObject", "parent does not exist", this.matchedDn(key));
    return parent;
  }

  #write(entry: StoredEntry, attributes: readonly StoredAttribute[], by: string): void {
    this.index.replace(entry, entry.attributes, attributes);
    entry.attributes = attributes;
    entry.csn = this.#sequence.next();
    entry.modifyTimestamp = timestampOf(entry.csn);
    entry.modifiersName = by;
    this.changes.append(entry, this.size);
  }

  /** The entries below keep their entryCSN, as in OpenLDAP: nothing says that their names changed. */
  #relocate(entry: StoredEntry, dn: string, key: string): void {
    const oldKey = entry.key;
    this.#byKey.delete(oldKey);
    entry.dn = dn;
    entry.key = key;
    this.#byKey.set(key, entry);
    for (const child of entry.children) {
      const rdn = child.dn
        .slice(0, child.dn.length - parentText(child.dn).length)
        .replace(/[,;]\s*$/, "");
      const ownKey = child.key.slice(0, child.key.length - oldKey.length);
      this.#relocate(child, `${rdn},${dn}`, `${ownKey}${key}`);
    }
    if (oldKey !== key) this.#rewriteReferences(oldKey, dn);
  }

  #rewriteReferences(oldKey: string, newDn: string | undefined): void {
    if (!this.#referentialIntegrity) return;
    for (const referrer of referrersOf(this.index, oldKey)) {
      const attributes = replaceReferences(referrer.attributes, oldKey, newDn);
      this.index.replace(referrer, referrer.attributes, attributes);
      referrer.attributes = attributes;
    }
  }
}
