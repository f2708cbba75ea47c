import type { JsonObject } from "./attribute-value.ts";
import { equalJson } from "./canonical-json.ts";
import { ElementList } from "./element-list.ts";
import type { AttributePlace } from "./patch-target.ts";
import { isObject, memberReader } from "./resource.ts";

interface OpenList {
  readonly place: AttributePlace;
  readonly list: ElementList;
}

/** A copy of a resource on which the operations of a PATCH work. The resource itself is never changed. */
export class ResourceDraft<T extends JsonObject> {
  readonly #original: T;
  readonly #resource: Record<string, unknown>;
  /** By URN: the objects of the extensions that were written to. */
  readonly #extensions = new Map<string, Record<string, unknown>>();
  readonly #lists = new Map<string, OpenList>();

  constructor(resource: T) {
    this.#original = resource;
    this.#resource = { ...resource };
  }

  /** The value of a single-valued attribute; undefined when it has none. */
  read({ extension, definition }: AttributePlace): unknown {
    return readMember(this.#holder(extension), definition.name) ?? undefined;
  }

  /** Sets a single-valued attribute; undefined unassigns it. */
  write({ extension, definition }: AttributePlace, value: unknown): void {
    const holder = extension === undefined ? this.#resource : this.#openExtension(extension);
    writeMember(holder, definition.name, value);
  }

  /** The elements of a multi-valued attribute, to be changed in place. */
  list(place: AttributePlace): ElementList {
    const key = keyOf(place);
    const open = this.#lists.get(key);
    if (open !== undefined) return open.list;
    const value = this.read(place);
    const list = new ElementList(Array.isArray(value) ? value : [], place.definition);
    this.#lists.set(key, { place, list });
    return list;
  }

  /** The resource with all changes; the very same one when nothing is different. */
  finish(): T {
    for (const { place, list } of this.#lists.values()) {
      const value = list.toValue();
      // An empty list that was stored says the same as none.
      if (value !== undefined || this.#holds(place)) this.write(place, value);
    }
    for (const [urn, holder] of this.#extensions) this.#settleExtension(urn, holder);
    return equalJson(this.#original, this.#resource) ? this.#original : (this.#resource as T);
  }

  #holds(place: AttributePlace): boolean {
    const value = this.read(place);
    return Array.isArray(value) && value.length > 0;
  }

  #holder(extension: string | undefined): JsonObject {
    if (extension === undefined) return this.#resource;
    const holder = this.#extensions.get(extension) ?? readMember(this.#resource, extension);
    return isObject(holder) ? holder : {};
  }

  #openExtension(urn: string): Record<string, unknown> {
    const holder = this.#extensions.get(urn) ?? { ...this.#holder(urn) };
    this.#extensions.set(urn, holder);
    return holder;
  }

  /** An extension is listed in `schemas` for as long as it has attributes (RFC 7643 section 3.1). */
  #settleExtension(urn: string, holder: JsonObject): void {
    const assigned = Object.keys(holder).length > 0;
    writeMember(this.#resource, urn, assigned ? holder : undefined);
    const listed = this.#resource["schemas"];
    const schemas: readonly unknown[] = Array.isArray(listed) ? listed : [];
    const names = (each: unknown) =>
      typeof each === "string" && each.toLowerCase() === urn.toLowerCase();
    if (schemas.some(names) === assigned) return;
    this.#resource["schemas"] = assigned
      ? [...schemas, urn]
      : schemas.filter((each) => !names(each));
  }
}

/** The member of this name in any letter case. */
export function readMember(holder: JsonObject, name: string): unknown {
  return memberReader(name)(holder);
}

/** Sets a member, or takes it away when the value is undefined. Other spellings of its name go. */
export function writeMember(holder: Record<string, unknown>, name: string, value: unknown): void {
  const folded = name.toLowerCase();
  for (const key of Object.keys(holder)) {
    const stale = key !== name || value === undefined;
    if (stale && key.length === name.length && key.toLowerCase() === folded) delete holder[key];
  }
  if (value !== undefined) holder[name] = value;
}

function keyOf({ extension, definition }: AttributePlace): string {
  return `${extension ?? ""}:${definition.name}`;
}
