import {
  assignedValues,
  coerceComplex,
  coerceElements,
  coerceSimple,
  type JsonObject,
  type SubAttributeValues,
} from "./attribute-value.ts";
import { literalText, toBoolean } from "./comparison.ts";
import type { ElementList } from "./element-list.ts";
import { badRequest, type ScimError } from "./error.ts";
import type { ScimFilter } from "./filter.ts";
import { compileElementFilter } from "./filter-match.ts";
import { changedComplex } from "./patch-change.ts";
import type { PatchOperation, PatchProfile } from "./patch-operation.ts";
import type { AttributeTarget } from "./patch-target.ts";
import { findSubAttribute } from "./resource-type.ts";
import type { AttributeDefinition } from "./schema.ts";

/** Sub-attributes that say nothing without another one beside them. */
const MARKS: ReadonlySet<string> = new Set(["type", "primary"]);

/**
 * Applies an operation to a multi-valued attribute: as a whole, to the elements that a filter picks, or to a
 * sub-attribute of them (RFC 7644 section 3.5.2). In the profile `entra`, `remove` with a list of values removes these;
 * `add` and `replace` create the element that a filter of `eq` and `and` describes; and an element goes that keeps no
 * more than its `type` and `primary`.
 * @throws ScimError 400: noTarget (a filter that nothing matches), invalidFilter, invalidValue, mutability
 */
export function patchElements(
  list: ElementList,
  operation: PatchOperation,
  target: AttributeTarget,
  profile: PatchProfile,
): void {
  if (target.filter === undefined && target.subDefinition === undefined) {
    patchList(list, operation, target.definition, profile);
  } else if (operation.op === "remove" && target.subDefinition === undefined) {
    for (const place of placesOf(list, target)) list.remove(place);
  } else {
    patchPlaces(list, operation, target, profile);
  }
  list.settlePrimary();
}

function patchList(
  list: ElementList,
  { op, value }: PatchOperation,
  definition: AttributeDefinition,
  profile: PatchProfile,
): void {
  switch (op) {
    case "add":
      for (const element of coerceElements(definition, value, profile)) list.add(element);
      return;
    case "replace":
      list.replaceAll(coerceElements(definition, value, profile));
      return;
    case "remove":
      // RFC 7644 section 3.5.2.2 knows no value here: all of them go.
      if (profile === "rfc7644" || value === undefined || value === null) list.replaceAll([]);
      else list.removeLike(coerceElements(definition, value, profile));
  }
}

function placesOf(list: ElementList, { filter }: AttributeTarget): readonly number[] {
  return filter === undefined ? list.all() : list.matching(filter);
}

function patchPlaces(
  list: ElementList,
  operation: PatchOperation,
  target: AttributeTarget,
  profile: PatchProfile,
): void {
  const { definition } = target;
  const { op } = operation;
  const given = valuesOf(operation, target, profile);
  const whole = op === "replace" && target.subDefinition === undefined && profile === "rfc7644";
  const values = given && whole ? completed(given, definition) : given;
  const places = placesOf(list, target);
  if (places.length === 0) {
    if (op !== "remove") createElement(list, values, target, profile);
    return;
  }
  for (const place of places) {
    const before = list.at(place);
    const after = values && changedComplex(definition, before, values, op);
    if (values === undefined) {
      if (op !== "add") list.remove(place);
    } else if (after === undefined || isBare(after, values, profile)) {
      list.remove(place);
    } else {
      list.replace(place, after);
    }
  }
}

/** RFC 7644 section 3.5.2.3: the elements that match are replaced, so that what is not given goes. */
function completed(
  values: SubAttributeValues,
  { subAttributes = [] }: AttributeDefinition,
): SubAttributeValues {
  const writable = subAttributes.filter(({ mutability }) => mutability !== "readOnly");
  return new Map(writable.map(({ name }) => [name, values.get(name)]));
}

/** What is to be set; undefined when the elements as a whole are to be unassigned. */
function valuesOf(
  { op, value }: PatchOperation,
  { definition, subDefinition }: AttributeTarget,
  profile: PatchProfile,
): SubAttributeValues | undefined {
  if (subDefinition !== undefined) {
    const coerced = op === "remove" ? undefined : coerceSimple(subDefinition, value, profile);
    return new Map([[subDefinition.name, coerced]]);
  }
  return coerceComplex(definition, value, profile);
}

/** Whether clearing left an element that Entra takes for gone. */
function isBare(after: JsonObject, values: SubAttributeValues, profile: PatchProfile): boolean {
  if (profile !== "entra" || [...values.values()].every((value) => value !== undefined)) {
    return false;
  }
  return Object.keys(after).every((name) => MARKS.has(name));
}

function createElement(
  list: ElementList,
  values: SubAttributeValues | undefined,
  { definition, filter }: AttributeTarget,
  profile: PatchProfile,
): void {
  const conditions = filter === undefined ? new Map() : conditionsOf(filter, definition);
  if (filter !== undefined && profile === "rfc7644") throw noTarget();
  const assigned = values === undefined ? {} : assignedValues(values);
  if (Object.keys(assigned).length === 0) return;
  if (conditions === undefined) throw noTarget();
  list.add({ ...Object.fromEntries(conditions), ...assigned });
}

/** The sub-attributes of an element that meets a filter of `eq` and `and`; undefined when it does not say which. */
function conditionsOf(
  filter: ScimFilter,
  definition: AttributeDefinition,
): SubAttributeValues | undefined {
  const values = new Map<string, unknown>();
  for (const part of filter.kind === "and" ? filter.filters : [filter]) {
    if (part.kind !== "compare" || part.operator !== "eq" || part.value === null) return undefined;
    const sub = findSubAttribute(definition, part.path.attribute);
    if (sub === undefined || sub.mutability === "readOnly") return undefined;
    const value = sub.type === "boolean" ? toBoolean(part.value) : literalText(part.value);
    values.set(sub.name, value);
  }
  const element = Object.fromEntries(values);
  return compileElementFilter(filter, definition)(element) ? values : undefined;
}

function noTarget(): ScimError {
  return badRequest("noTarget", "the filter of the path matches nothing");
}
