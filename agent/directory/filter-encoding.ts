import type { BerWriter } from "ldapts";
import type { Value } from "../core/entry.ts";
import { AgentError } from "../core/error.ts";
import type { LdapFilter } from "../core/ldap-filter.ts";

/** Deeper filters are refused: servers have limits of their own, and each level is a call on the stack. */
const MAX_FILTER_DEPTH = 64;

/** RFC 4511 section 4.5.1: the context tags of Filter. */
const TAG = {
  and: 0xa0,
  or: 0xa1,
  not: 0xa2,
  equality: 0xa3,
  substrings: 0xa4,
  greaterOrEqual: 0xa5,
  lessOrEqual: 0xa6,
  present: 0x87,
} as const;

/** SubstringFilter's choices. */
const INITIAL = 0x80;
const ANY = 0x81;
const FINAL = 0x82;

const OCTET_STRING = 0x04;

/** attributedescription of RFC 4512 section 2.5: name or OID, and options. */
const ATTRIBUTE = /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)+)(?:;[a-z0-9-]+)*$/i;

/**
 * Writes a filter as RFC 4511 section 4.5.1.7 encodes it. Text goes out as UTF-8 and bytes as they are, without the
 * escapes of the string form.
 * @throws AgentError `directory.refused` for a filter that nests too deeply or names no possible attribute
 */
export function writeLdapFilter(writer: BerWriter, filter: LdapFilter, depth = 1): void {
  if (depth > MAX_FILTER_DEPTH) {
    throw new AgentError("directory.refused", `filter nests deeper than ${MAX_FILTER_DEPTH}`);
  }
  switch (filter.kind) {
    case "and":
    case "or":
      writer.startSequence(TAG[filter.kind]);
      for (const part of filter.filters) writeLdapFilter(writer, part, depth + 1);
      writer.endSequence();
      return;
    case "not":
      writer.startSequence(TAG.not);
      writeLdapFilter(writer, filter.filter, depth + 1);
      writer.endSequence();
      return;
    case "present":
      writer.writeString(checkedAttribute(filter.attribute), TAG.present);
      return;
    case "equality":
    case "greaterOrEqual":
    case "lessOrEqual":
      writer.startSequence(TAG[filter.kind]);
      writer.writeString(checkedAttribute(filter.attribute));
      writeValue(writer, filter.value);
      writer.endSequence();
      return;
    case "substrings":
      writeSubstrings(writer, filter);
  }
}

type Substrings = Extract<LdapFilter, { kind: "substrings" }>;

function writeSubstrings(writer: BerWriter, filter: Substrings): void {
  const { initial = "", any = [], final = "" } = filter;
  const middle = any.filter((part) => part !== "");
  // SubstringFilter needs at least one part, and none may be empty: `(cn=*)` is presence.
  if (initial === "" && final === "" && middle.length === 0) {
    writer.writeString(checkedAttribute(filter.attribute), TAG.present);
    return;
  }
  writer.startSequence(TAG.substrings);
  writer.writeString(checkedAttribute(filter.attribute));
  writer.startSequence();
  if (initial !== "") writer.writeString(initial, INITIAL);
  for (const part of middle) writer.writeString(part, ANY);
  if (final !== "") writer.writeString(final, FINAL);
  writer.endSequence();
  writer.endSequence();
}

function writeValue(writer: BerWriter, value: Value): void {
  if (typeof value === "string") writer.writeString(value);
  else writer.writeBuffer(Buffer.from(value), OCTET_STRING);
}

function checkedAttribute(attribute: string): string {
  if (ATTRIBUTE.test(attribute)) return attribute;
  throw new AgentError(
    "directory.refused",
    `"${attribute.slice(0, 80)}" in a filter is not an attribute`,
  );
}
