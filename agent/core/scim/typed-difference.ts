import type { JsonObject } from "./attribute-value.ts";
import type { PatchWriter } from "./patch-style.ts";

/** Elements by their `type`. */
type TypedElements = ReadonlyMap<string, JsonObject>;

/**
 * Writes the difference of elements as Entra maps them, one sub-attribute of one `type` at a time:
 * `emails[type eq "work"].value`.
 * @returns false, and nothing written, when the elements cannot be told apart that way
 */
export function diffTypedElements(
  writer: PatchWriter,
  from: readonly JsonObject[],
  to: readonly JsonObject[],
  path: string,
): boolean {
  const before = byType(from);
  const after = byType(to);
  if (before === undefined || after === undefined || respelled(before, after)) return false;
  // What is cleared comes last: an element goes with the last thing that it says.
  for (const [type, element] of after) {
    const known = before.get(type);
    for (const [name, value] of contentOf(element)) {
      if (value === known?.[name]) continue;
      writer.write(known?.[name] === undefined ? "add" : "replace", pathOf(type, name), value);
    }
  }
  for (const [type, element] of before) {
    const wanted = after.get(type);
    for (const [name] of contentOf(element)) {
      const kept = wanted === undefined ? name === "primary" : Object.hasOwn(wanted, name);
      if (!kept) writer.write("remove", pathOf(type, name));
    }
  }
  return true;

  function pathOf(type: string, name: string): string {
    return `${path}[type eq ${JSON.stringify(type)}].${name}`;
  }
}

function contentOf(element: JsonObject): readonly (readonly [string, unknown])[] {
  return Object.entries(element).filter(([name]) => name !== "type");
}

/** undefined when an element has no type, one of another element, or nothing besides it. */
function byType(elements: readonly JsonObject[]): TypedElements | undefined {
  const typed = new Map<string, JsonObject>();
  const folded = new Set<string>();
  for (const element of elements) {
    const { type, primary: _primary, ...content } = element;
    if (typeof type !== "string" || Object.keys(content).length === 0) return undefined;
    typed.set(type, element);
    folded.add(type.toLowerCase());
  }
  return folded.size === elements.length ? typed : undefined;
}

/** Whether the same type is written in two ways: filters would take one for the other. */
function respelled(before: TypedElements, after: TypedElements): boolean {
  const spellings = new Map([...before.keys()].map((type) => [type.toLowerCase(), type]));
  return [...after.keys()].some((type) => (spellings.get(type.toLowerCase()) ?? type) !== type);
}
