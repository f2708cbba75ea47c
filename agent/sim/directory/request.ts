import { BerError, BerSource, ENUMERATED, INTEGER, SEQUENCE, SET } from "./ber-source.ts";
import { decodeFilter, type Filter } from "./filter.ts";

export interface Control {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer | undefined;
}

export type SearchScope = "base" | "one" | "sub";

export interface SearchRequest {
  readonly kind: "search";
  readonly baseDn: string;
  readonly searchScope: SearchScope;
  /** Entries; 0 = the server's own limit. */
  readonly sizeLimit: number;
  /** Seconds; 0 = none. */
  readonly timeLimit: number;
  readonly typesOnly: boolean;
  readonly filter: Filter;
  readonly attributes: readonly string[];
}

export interface RawAttribute {
  readonly description: string;
  readonly values: readonly Buffer[];
}

export type ModificationKind = "add" | "delete" | "replace" | "increment";

export type Operation =
  | {
      readonly kind: "bind";
      readonly version: number;
      readonly dn: string;
      readonly password: Buffer | undefined;
    }
  | { readonly kind: "unbind" }
  | { readonly kind: "abandon"; readonly messageId: number }
  | SearchRequest
  | { readonly kind: "add"; readonly dn: string; readonly attributes: readonly RawAttribute[] }
  | { readonly kind: "delete"; readonly dn: string }
  | {
      readonly kind: "modify";
      readonly dn: string;
      readonly changes: readonly (RawAttribute & { readonly operation: ModificationKind })[];
    }
  | {
      readonly kind: "rename";
      readonly dn: string;
      readonly newRdn: string;
      readonly deleteOldRdn: boolean;
      readonly newParentDn: string | undefined;
    }
  | {
      readonly kind: "compare";
      readonly dn: string;
      readonly attribute: string;
      readonly value: Buffer;
    }
  | { readonly kind: "extended"; readonly oid: string };

export type OperationKind = Operation["kind"];

export interface RequestMessage {
  readonly messageId: number;
  readonly operation: Operation;
  readonly controls: readonly Control[];
}

/** Application tags of RFC 4511 section 4.2 ff. */
const TAG = {
  bind: 0x60,
  unbind: 0x42,
  search: 0x63,
  modify: 0x66,
  add: 0x68,
  delete: 0x4a,
  rename: 0x6c,
  compare: 0x6e,
  abandon: 0x50,
  extended: 0x77,
} as const;

const SIMPLE = 0x80;
const SCOPES: readonly SearchScope[] = ["base", "one", "sub"];
const MODIFICATIONS: readonly ModificationKind[] = ["add", "delete", "replace", "increment"];

/**
 * One LDAPMessage (RFC 4511 section 4.1.1).
 * @param frame the octets of exactly one message
 * @throws BerError for anything else; the connection is of no use then
 */
export function decodeRequest(frame: Buffer): RequestMessage {
  const message = new BerSource(frame).inside(SEQUENCE);
  const messageId = message.integer();
  if (messageId < 0) throw new BerError("negative message id");
  const operation = decodeOperation(message);
  const controls = message.tag === 0xa0 ? decodeControls(message.inside(0xa0)) : [];
  return { messageId, operation, controls };
}

function decodeOperation(message: BerSource): Operation {
  switch (message.tag) {
    case TAG.bind:
      return decodeBind(message.inside(TAG.bind));
    case TAG.unbind:
      message.octets(TAG.unbind);
      return { kind: "unbind" };
    case TAG.abandon:
      return { kind: "abandon", messageId: message.integer(TAG.abandon) };
    case TAG.search:
      return decodeSearch(message.inside(TAG.search));
    case TAG.add: {
      const source = message.inside(TAG.add);
      return {
        kind: "add",
        dn: source.text(),
        attributes: decodeAttributes(source.inside(SEQUENCE)),
      };
    }
    case TAG.delete:
      return { kind: "delete", dn: message.text(TAG.delete) };
    case TAG.modify:
      return decodeModify(message.inside(TAG.modify));
    case TAG.rename:
      return decodeRename(message.inside(TAG.rename));
    case TAG.compare: {
      const source = message.inside(TAG.compare);
      const dn = source.text();
      const assertion = source.inside(SEQUENCE);
      return { kind: "compare", dn, attribute: assertion.text(), value: assertion.octets(0x04) };
    }
    case TAG.extended:
      return { kind: "extended", oid: message.inside(TAG.extended).text(0x80) };
    default:
      throw new BerError(`no request has tag 0x${(message.tag ?? 0).toString(16)}`);
  }
}

function decodeBind(source: BerSource): Operation {
  const version = source.integer();
  const dn = source.text();
  const password = source.tag === SIMPLE ? source.octets(SIMPLE) : undefined;
  return { kind: "bind", version, dn, password };
}

function decodeSearch(source: BerSource): Operation {
  const baseDn = source.text();
  const searchScope = SCOPES[source.integer(ENUMERATED)];
  if (searchScope === undefined) throw new BerError("search scope out of range");
  source.integer(ENUMERATED); // derefAliases: there are no aliases here
  const sizeLimit = source.integer(INTEGER);
  const timeLimit = source.integer(INTEGER);
  if (sizeLimit < 0 || timeLimit < 0) throw new BerError("negative limit");
  const typesOnly = source.boolean();
  const filter = decodeFilter(source);
  const attributes: string[] = [];
  const selection = source.inside(SEQUENCE);
  while (!selection.done) attributes.push(selection.text());
  return {
    kind: "search",
    baseDn,
    searchScope,
    sizeLimit,
    timeLimit,
    typesOnly,
    filter,
    attributes,
  };
}

function decodeAttributes(source: BerSource): RawAttribute[] {
  const attributes: RawAttribute[] = [];
  while (!source.done) attributes.push(decodeAttribute(source.inside(SEQUENCE)));
  return attributes;
}

function decodeAttribute(source: BerSource): RawAttribute {
  const description = source.text();
  const values: Buffer[] = [];
  const set = source.inside(SET);
  // Copied: a value must not keep the whole message in memory.
  while (!set.done) values.push(Buffer.from(set.octets(0x04)));
  return { description, values };
}

function decodeModify(source: BerSource): Operation {
  const dn = source.text();
  const changes: (RawAttribute & { operation: ModificationKind })[] = [];
  const list = source.inside(SEQUENCE);
  while (!list.done) {
    const change = list.inside(SEQUENCE);
    const operation = MODIFICATIONS[change.integer(ENUMERATED)];
    if (operation === undefined) throw new BerError("modification out of range");
    changes.push({ operation, ...decodeAttribute(change.inside(SEQUENCE)) });
  }
  return { kind: "modify", dn, changes };
}

function decodeRename(source: BerSource): Operation {
  const dn = source.text();
  const newRdn = source.text();
  const deleteOldRdn = source.boolean();
  const newParentDn = source.tag === 0x80 ? source.text(0x80) : undefined;
  return { kind: "rename", dn, newRdn, deleteOldRdn, newParentDn };
}

function decodeControls(source: BerSource): Control[] {
  const controls: Control[] = [];
  while (!source.done) {
    const control = source.inside(SEQUENCE);
    const oid = control.text();
    const critical = control.tag === 0x01 ? control.boolean() : false;
    const value = control.done ? undefined : control.octets(0x04);
    controls.push({ oid, critical, value });
  }
  return controls;
}
