import type { Rdn } from "./distinguished-name.ts";
import { type StoredAttribute, valuesOf } from "./entry.ts";
import { holdsNamingValue } from "./naming.ts";
import { objectClass, requiredAttributes, structuralClass } from "./object-class.ts";
import { ResultError } from "./result.ts";
import { knownType } from "./schema.ts";

const OBJECT_CLASS = knownType("objectClass");

/**
 * What slapd checks of a whole entry, except the list of allowed attributes.
 * @throws ResultError objectClassViolation, namingViolation, invalidAttributeSyntax
 */
export function checkEntry(attributes: readonly StoredAttribute[], rdn: Rdn): void {
  const classes = valuesOf(attributes, OBJECT_CLASS).map(String);
  if (classes.length === 0)
    throw new ResultError("objectClassViolation", "no objectClass attribute");
  for (const name of classes) {
    if (objectClass(name) === undefined) {
      throw new ResultError("invalidAttributeSyntax", `objectClass: ${name} is unknown`);
    }
  }
  if (structuralClass(classes) === undefined) {
    throw new ResultError("objectClassViolation", "no structural object class provided");
  }
  for (const name of requiredAttributes(classes)) {
    if (valuesOf(attributes, knownType(name)).length === 0) {
      throw new ResultError("objectClassViolation", `object class requires attribute '${name}'`);
    }
  }
  for (const { type, value } of rdn) {
    if (!holdsNamingValue(attributes, type, value)) {
      throw new ResultError(
        "namingViolation",
        `value of naming attribute '${type}' is not present in entry`,
      );
    }
  }
}
