import type { JsonObject } from "./attribute-value.ts";
import { canonicalJson } from "./canonical-json.ts";
import { badRequest } from "./error.ts";
import type { ScimFilter } from "./filter.ts";
import { compileElementFilter } from "./filter-match.ts";
import { isObject, memberReader } from "./resource.ts";
import { findSubAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

const readType = memberReader("type");
const readValue = memberReader("value");
const readPrimary = memberReader("primary");

/**
 * The elements of a complex multi-valued attribute while a PATCH works on it. Each keeps its place for as long as it
 * is there, and is found by what identifies it, so that many operations on a long list stay cheap: its `value` where
 * that is immutable (members of a group), otherwise `value` and `type` (RFC 7643 section 2.4), otherwise all of it.
 */
export class ElementList {
  readonly #definition: AttributeDefinition;
  readonly #byValueAlone: boolean;
  readonly #valueExact: boolean;
  /** undefined where an element was removed. */
  #elements: (JsonObject | undefined)[] = [];
  #places = new Map<string, number[]>();
  /** Where `primary` became true since `settlePrimary`. */
  #claims: number[] = [];

  constructor(elements: readonly unknown[], definition: AttributeDefinition) {
    const value = findSubAttribute(definition, "value");
    this.#definition = definition;
    this.#byValueAlone = value?.mutability === "immutable";
    this.#valueExact = value?.caseExact === true;
    for (const element of elements) this.#push(isObject(element) ? element : { value: element });
  }

  /** The places of all elements. */
  all(): readonly number[] {
    return [...this.#elements.keys()].filter((place) => this.#elements[place] !== undefined);
  }

  /** The places of the elements that a value filter picks. */
  matching(filter: ScimFilter): readonly number[] {
    if (
      this.#byValueAlone &&
      this.#valueExact &&
      filter.kind === "compare" &&
      filter.operator === "eq" &&
      filter.path.attribute.toLowerCase() === "value" &&
      filter.path.subAttribute === undefined &&
      typeof filter.value === "string"
    ) {
      return this.#placesOf({ value: filter.value });
    }
    const matches = compileElementFilter(filter, this.#definition);
    return this.all().filter((place) => matches(this.#elements[place]));
  }

  /** The element at a place that `all` or `matching` named, unless it was removed since. */
  at(place: number): JsonObject {
    return this.#elements[place] as JsonObject;
  }

  /** Adds an element, or to an element that is there already what is new about it. */
  add(element: JsonObject): void {
    const [place] = this.#placesOf(element);
    if (place === undefined) {
      this.#push(element);
      this.#claim(this.#elements.length - 1, undefined);
    } else if (!this.#byValueAlone) {
      const { value: _value, type: _type, ...rest } = element;
      this.replace(place, { ...this.at(place), ...rest });
    }
  }

  replace(place: number, element: JsonObject): void {
    const before = this.at(place);
    this.remove(place);
    this.#elements[place] = element;
    this.#index(place, element);
    this.#claim(place, before);
  }

  remove(place: number): void {
    const key = this.#keyOf(this.at(place));
    const places = this.#placesOf(this.at(place)).filter((each) => each !== place);
    if (places.length === 0) this.#places.delete(key);
    else this.#places.set(key, places);
    this.#elements[place] = undefined;
  }

  /** Removes the elements that are meant by these: by `value` alone when no `type` is given. */
  removeLike(elements: readonly JsonObject[]): void {
    const values = new Set<string>();
    for (const element of elements) {
      if (!this.#byValueAlone && "value" in element && !("type" in element)) {
        values.add(this.#fold(element["value"]));
        continue;
      }
      for (const place of this.#placesOf(element)) this.remove(place);
    }
    if (values.size === 0) return;
    for (const place of this.all()) {
      if (values.has(this.#fold(readValue(this.at(place))))) this.remove(place);
    }
  }

  /** Puts these in place of all. What identifies itself by its `value` stays what it is. */
  replaceAll(elements: readonly JsonObject[]): void {
    const known = this.#byValueAlone ? elements.map((element) => this.#known(element)) : elements;
    this.#elements = [];
    this.#places = new Map();
    for (const element of known) this.add(element);
  }

  /**
   * Makes the element whose `primary` became true the only one (RFC 7644 section 3.5.2).
   * @throws ScimError 400 invalidValue: more than one became primary (RFC 7643 section 2.4)
   */
  settlePrimary(): void {
    const [winner, ...others] = this.#claims;
    this.#claims = [];
    if (winner === undefined) return;
    if (others.length > 0) {
      throw badRequest("invalidValue", `more than one of ${this.#definition.name} is primary`);
    }
    for (const place of this.all()) {
      const element = this.at(place);
      if (place !== winner && readPrimary(element) === true) {
        this.#elements[place] = { ...element, primary: false };
      }
    }
  }

  /** undefined when there are none. */
  toValue(): readonly JsonObject[] | undefined {
    const elements = this.#elements.filter((element) => element !== undefined);
    return elements.length === 0 ? undefined : elements;
  }

  #push(element: JsonObject): void {
    this.#index(this.#elements.length, element);
    this.#elements.push(element);
  }

  #known(element: JsonObject): JsonObject {
    const [place] = this.#placesOf(element);
    return place === undefined ? element : this.at(place);
  }

  #index(place: number, element: JsonObject): void {
    const key = this.#keyOf(element);
    const places = this.#places.get(key);
    if (places === undefined) this.#places.set(key, [place]);
    else places.push(place);
  }

  #claim(place: number, before: JsonObject | undefined): void {
    if (readPrimary(this.at(place)) !== true) return;
    if (before === undefined || readPrimary(before) !== true) this.#claims.push(place);
  }

  #placesOf(element: JsonObject): readonly number[] {
    return this.#places.get(this.#keyOf(element)) ?? [];
  }

  /** Equal for elements that are the same one. */
  #keyOf(element: JsonObject): string {
    const value = readValue(element);
    if (value === undefined) {
      const { primary: _primary, ...rest } = element;
      return canonicalJson(rest);
    }
    if (this.#byValueAlone) return this.#fold(value);
    return canonicalJson([this.#fold(value), this.#fold(readType(element))]);
  }

  #fold(value: unknown): string {
    if (typeof value !== "string") return canonicalJson(value);
    // Not to be taken for the null, the number or the object that it may spell.
    return `=${this.#valueExact ? value : value.toLowerCase()}`;
  }
}
