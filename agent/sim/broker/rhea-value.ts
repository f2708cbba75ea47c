import rhea from "rhea";
import type { Outcome, Typed, Types } from "./rhea-types.ts";
import type { EncodedEntry } from "./value.ts";

const types = rhea.types as unknown as Types;

function encodeTyped(value: Typed): Buffer {
  const writer = new types.Writer();
  writer.write(value);
  return Buffer.from(writer.toBuffer());
}

function typedEntries(map: Typed | undefined): EncodedEntry[] {
  if (map === undefined || !types.is_map(map)) return [];
  const items = map.value as readonly Typed[];
  const entries: EncodedEntry[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [key, value] = [items[index], items[index + 1]];
    if (key === undefined || value === undefined || typeof key.value !== "string") continue;
    if (value.value !== null) entries.push({ key: key.value, value: encodeTyped(value) });
  }
  return entries;
}

/** The message annotations of a `modified` outcome (part 3 section 3.4.5), with their types. */
export function modifiedProperties(outcome: Outcome): EncodedEntry[] {
  return typedEntries(outcome.value[2]);
}

/** The info map of the error of a `rejected` outcome (part 3 section 3.4.3), with its types. */
export function rejectedProperties(outcome: Outcome): EncodedEntry[] {
  const error = outcome.value[0]?.value as readonly (Typed | undefined)[] | null | undefined;
  return typedEntries(error?.[2]);
}

/** A long of 8 bytes, for the properties of an attach. */
export function typedLong(value: bigint): unknown {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return types.wrap_long(bytes);
}

export interface FilterValue {
  readonly value: unknown;
  /** The same filter with another value, described as the peer described it. */
  readonly with: (value: string) => unknown;
}

/** A filter of a source: the JavaScript client sends the bare value, others a described one. */
export function filterValue(filter: unknown): FilterValue {
  const described = filter as Typed | null | undefined;
  const descriptor = typeof described === "object" ? described?.descriptor : undefined;
  if (described === null || described === undefined || descriptor === undefined) {
    return { value: filter, with: (value) => value };
  }
  return {
    value: described.value,
    with: (value) => types.described(descriptor, types.wrap(value)),
  };
}
