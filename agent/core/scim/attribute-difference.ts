import type { JsonObject } from "./attribute-value.ts";
import { canonicalJson, equalJson } from "./canonical-json.ts";
import type { PatchWriter } from "./patch-style.ts";
import { isObject, memberReader } from "./resource.ts";
import { findSubAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";
import { diffTypedElements } from "./typed-difference.ts";

export interface DifferenceOptions {
  /** Of the attribute, with its schema's URN where that is an extension. */
  readonly path: string;
  readonly definition: AttributeDefinition;
  /** Most elements of one operation. */
  readonly maxValues: number;
}

/**
 * Writes the operations that lead from one value of an attribute to another one. Read-only sub-attributes do not
 * count, nor does the order of elements.
 */
export function diffAttribute(
  writer: PatchWriter,
  before: unknown,
  after: unknown,
  options: DifferenceOptions,
): void {
  const { definition, path } = options;
  if (definition.multiValued) {
    const from = readElements(before, definition, writer);
    const to = readElements(after, definition, writer);
    if (isIdentified(definition)) diffIdentified(writer, from, to, options);
    else diffElements(writer, from, to, options);
    return;
  }
  if (definition.type !== "complex") {
    writer.writeChange(path, assigned(before, writer), assigned(after, writer));
    return;
  }
  const read = complexReader(definition, writer);
  const from = read(before);
  const to = read(after);
  if (findSubAttribute(definition, "value") !== undefined) diffReference(writer, from, to, path);
  else diffComplex(writer, from, to, path);
}

/** Whether the value alone makes an element what it is, as it does for the members of a group. */
function isIdentified(definition: AttributeDefinition): boolean {
  return findSubAttribute(definition, "value")?.mutability === "immutable";
}

function diffComplex(
  writer: PatchWriter,
  from: JsonObject | undefined,
  to: JsonObject | undefined,
  path: string,
): void {
  if (writer.style === "rfc7644" && (from === undefined || to === undefined)) {
    if (to !== undefined) writer.write("add", path, to);
    else if (from !== undefined) writer.write("remove", path);
    return;
  }
  for (const name of new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])) {
    writer.writeChange(`${path}.${name}`, from?.[name], to?.[name]);
  }
}

/** A reference is one thing: what is not said of the new one would be left from the old one. */
function diffReference(
  writer: PatchWriter,
  from: JsonObject | undefined,
  to: JsonObject | undefined,
  path: string,
): void {
  if (to === undefined) {
    if (from !== undefined) writer.write("remove", path);
    return;
  }
  if (from === undefined) {
    writer.write("add", path, writtenReference(writer, to));
    return;
  }
  // The service provider adds the address of what is referred to.
  const { $ref: _address, ...identity } = from;
  if (equalJson(from, to) || (to["$ref"] === undefined && equalJson(identity, to))) return;
  const lost = Object.keys(from).some((name) => !Object.hasOwn(to, name));
  if (lost) writer.write("remove", path);
  writer.write(lost ? "add" : "replace", path, writtenReference(writer, to));
}

function writtenReference({ style }: PatchWriter, to: JsonObject): unknown {
  if (style !== "entra") return to;
  const names = Object.keys(to);
  return names.length === 1 && names[0] === "value" ? to["value"] : [to];
}

function diffIdentified(
  writer: PatchWriter,
  from: readonly JsonObject[],
  to: readonly JsonObject[],
  { path, maxValues }: DifferenceOptions,
): void {
  const known = new Set(from.map(({ value }) => value));
  const wanted = new Set(to.map(({ value }) => value));
  const removed = [...known].filter((value) => value !== undefined && !wanted.has(value));
  const added = to.filter(({ value }) => value !== undefined && !known.has(value));
  if (writer.style === "entra") {
    for (const values of chunks(removed, maxValues)) {
      writer.write(
        "remove",
        path,
        values.map((value) => ({ value })),
      );
    }
  } else {
    for (const value of removed) writer.write("remove", `${path}[value eq ${quoted(value)}]`);
  }
  for (const elements of chunks(added, maxValues)) {
    const written =
      writer.style === "entra" ? elements.map((each) => ({ $ref: null, ...each })) : elements;
    writer.write("add", path, written);
  }
}

function diffElements(
  writer: PatchWriter,
  from: readonly JsonObject[],
  to: readonly JsonObject[],
  { path, maxValues }: DifferenceOptions,
): void {
  const known = new Set(from.map(canonicalJson));
  const wanted = new Set(to.map(canonicalJson));
  const added = to.filter((element) => !known.has(canonicalJson(element)));
  const removed = from.filter((element) => !wanted.has(canonicalJson(element)));
  if (added.length === 0 && removed.length === 0) return;
  if (writer.style !== "rfc7644" && diffTypedElements(writer, from, to, path)) {
    return;
  }
  if (to.length === 0) {
    writer.write("remove", path);
    return;
  }
  const replaces = removed.length > 0;
  for (const [at, elements] of chunks(replaces ? to : added, maxValues).entries()) {
    writer.write(replaces && at === 0 ? "replace" : "add", path, elements);
  }
}

function readElements(
  value: unknown,
  definition: AttributeDefinition,
  writer: PatchWriter,
): readonly JsonObject[] {
  if (!Array.isArray(value)) return [];
  const read = complexReader(definition, writer);
  return value.map(read).filter((element) => element !== undefined);
}

/** Reads the writable sub-attributes that have a value; undefined when none has. */
function complexReader(
  { subAttributes = [] }: AttributeDefinition,
  writer: PatchWriter,
): (value: unknown) => JsonObject | undefined {
  const readers = subAttributes
    .filter(({ mutability }) => mutability !== "readOnly")
    .map(({ name }) => ({ name, read: memberReader(name) }));
  return (value) => {
    if (!isObject(value)) return undefined;
    const members: Record<string, unknown> = {};
    for (const { name, read } of readers) {
      const member = assigned(read(value), writer);
      if (member !== undefined) members[name] = member;
    }
    return Object.keys(members).length === 0 ? undefined : members;
  };
}

/** For Entra an empty text is no value. */
function assigned(value: unknown, { style }: PatchWriter): unknown {
  return value === null || (value === "" && style !== "rfc7644") ? undefined : value;
}

function chunks<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let at = 0; at < values.length; at += size) parts.push(values.slice(at, at + size));
  return parts;
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}
