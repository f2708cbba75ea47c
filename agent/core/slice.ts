import type { ScimResource } from "./scim/resource.ts";

export const SLICE_SCHEMA = "urn:hybrid-sync-agent:params:scim:api:messages:1.0:Slice";

/** Some values of one attribute of a resource that was sent without it just before. */
export interface Slice {
  readonly schemas: readonly [typeof SLICE_SCHEMA];
  readonly id: string;
  readonly attribute: string;
  /** Index of the first value, from 0. */
  readonly from: number;
  /** How many values the attribute has in all slices together. */
  readonly of: number;
  readonly values: readonly unknown[];
}

const SLICE_FRAME_BYTES = 512;

/**
 * The resource without its largest multi-valued attribute, and that attribute in slices of at most `maxBytes`.
 * @returns undefined when that does not make it small enough
 */
export function splitResource(
  resource: ScimResource,
  maxBytes: number,
): { readonly remainder: ScimResource; readonly slices: readonly Slice[] } | undefined {
  let largest: { attribute: string; values: readonly unknown[]; bytes: number } | undefined;
  for (const [attribute, values] of Object.entries(resource)) {
    if (!Array.isArray(values) || values.length === 0 || attribute === "schemas") continue;
    const bytes = Buffer.byteLength(JSON.stringify(values));
    if (bytes > (largest?.bytes ?? 0)) largest = { attribute, values, bytes };
  }
  if (largest === undefined) return undefined;
  const { [largest.attribute]: _sliced, ...rest } = resource;
  const remainder = rest as ScimResource;
  if (Buffer.byteLength(JSON.stringify(remainder)) > maxBytes) return undefined;
  const slices = sliceValues(largest.values, maxBytes - SLICE_FRAME_BYTES).map(
    ({ from, values }): Slice => ({
      schemas: [SLICE_SCHEMA],
      id: resource.id,
      attribute: largest.attribute,
      from,
      of: largest.values.length,
      values,
    }),
  );
  const oversized = slices.some((slice) => Buffer.byteLength(JSON.stringify(slice)) > maxBytes);
  return oversized ? undefined : { remainder, slices };
}

function sliceValues(
  values: readonly unknown[],
  maxBytes: number,
): { from: number; values: unknown[] }[] {
  const slices: { from: number; values: unknown[] }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [index, value] of values.entries()) {
    const size = Buffer.byteLength(JSON.stringify(value)) + 1;
    if (bytes + size > maxBytes) {
      slices.push({ from: index, values: [] });
      bytes = 0;
    }
    slices.at(-1)?.values.push(value);
    bytes += size;
  }
  return slices;
}

export function isSlice(value: unknown): value is Slice {
  if (typeof value !== "object" || value === null || !("schemas" in value)) return false;
  return Array.isArray(value.schemas) && value.schemas[0] === SLICE_SCHEMA;
}

/**
 * Puts slices back into the resource (or into the `data` of the change) that came before them. A resource is handed
 * out when something else follows it, since only that tells that no slice is missing.
 */
export class SliceJoiner {
  #held: { readonly item: unknown; readonly resource: Record<string, unknown> } | undefined;
  #open:
    | { readonly attribute: string; readonly of: number; readonly values: unknown[] }
    | undefined;

  /**
   * Takes the next element of a list; returns what is whole now.
   * @throws RangeError when slices are missing, out of order or without their resource
   */
  add(item: unknown): unknown[] {
    if (isSlice(item)) {
      this.#join(item);
      return [];
    }
    const whole = this.end();
    const resource = resourceOf(item);
    if (resource === undefined) return [...whole, item];
    this.#held = { item, resource };
    return whole;
  }

  /**
   * What is left after the last element.
   * @throws RangeError when slices are missing
   */
  end(): unknown[] {
    const open = this.#open;
    if (open !== undefined && open.values.length !== open.of) {
      throw new RangeError(`${open.attribute}: ${open.values.length} of ${open.of} values came`);
    }
    const whole = this.#held === undefined ? [] : [this.#held.item];
    this.#open = undefined;
    this.#held = undefined;
    return whole;
  }

  #join(slice: Slice): void {
    const { attribute, from, of, values } = slice;
    if (this.#held === undefined || this.#held.resource["id"] !== slice.id) {
      throw new RangeError(`a slice of ${attribute} came without its resource`);
    }
    // It came over the queue: its schema says that it has values, and nothing proves it.
    if (!Array.isArray(values)) throw new RangeError(`a slice of ${attribute} has no values`);
    this.#open ??= openAttribute(this.#held.resource, slice);
    const open = this.#open;
    if (attribute !== open.attribute || from !== open.values.length || of !== open.of) {
      throw new RangeError(`slices of ${attribute} came out of order`);
    }
    for (const value of values) open.values.push(value);
  }
}

/** The attribute is part of the resource from here on; its values follow. Defined, so that no name reaches a setter. */
function openAttribute(resource: Record<string, unknown>, { attribute, of }: Slice) {
  const values: unknown[] = [];
  const descriptor = { value: values, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(resource, attribute, descriptor);
  return { attribute, of, values };
}

function resourceOf(item: unknown): Record<string, unknown> | undefined {
  if (typeof item !== "object" || item === null) return undefined;
  const data = "data" in item ? item.data : item;
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : undefined;
}
