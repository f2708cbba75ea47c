import type { Identity } from "./account.ts";
import type { Modification } from "./attribute-set.ts";
import { dnKey } from "./distinguished-name.ts";
import { valuesReader } from "./held-values.ts";
import { normalizeValue, type Value } from "./matching.ts";
import type { Operation, RawAttribute } from "./request.ts";
import { type Result, ResultError } from "./result.ts";
import { parseDescription } from "./schema.ts";
import type { DirectoryStore } from "./store.ts";

export type WriteOperation = Extract<Operation, { kind: "add" | "delete" | "modify" | "rename" }>;
export type CompareOperation = Extract<Operation, { kind: "compare" }>;

/** @throws ResultError insufficientAccessRights, and whatever the store refuses */
export function runWrite(
  store: DirectoryStore,
  identity: Identity | undefined,
  operation: WriteOperation,
): Result {
  if (identity?.writable !== true) {
    throw new ResultError(
      "insufficientAccessRights",
      identity === undefined ? "bind first" : "no write access",
    );
  }
  const by = identity.dn;
  switch (operation.kind) {
    case "add":
      store.add({ dn: operation.dn, attributes: givenAttributes(operation.attributes) }, { by });
      break;
    case "delete":
      store.delete(operation.dn);
      break;
    case "modify":
      store.modify(operation.dn, operation.changes.map(modification), { by });
      break;
    case "rename": {
      const { newRdn, deleteOldRdn, newParentDn } = operation;
      store.rename(operation.dn, {
        newRdn,
        deleteOldRdn,
        by,
        ...(newParentDn === undefined ? {} : { newParentDn }),
      });
      break;
    }
  }
  return { result: "success" };
}

/** What the server keeps, a client may not send, even where the store would take it from a loader. */
function givenAttributes(attributes: readonly RawAttribute[]): Record<string, readonly Value[]> {
  const given: Record<string, readonly Value[]> = Object.create(null);
  for (const { description, values } of attributes) {
    if (parseDescription(description)?.type.readOnly === true) {
      throw new ResultError("constraintViolation", `${description}: no user modification allowed`);
    }
    given[description] = [...(given[description] ?? []), ...values];
  }
  return given;
}

function modification({
  operation,
  description,
  values,
}: RawAttribute & Pick<Modification, "operation">): Modification {
  return { operation, attribute: description, values };
}

/** @throws ResultError noSuchObject, undefinedAttributeType, noSuchAttribute, invalidAttributeSyntax */
export function runCompare(
  store: DirectoryStore,
  identity: Identity | undefined,
  { dn, attribute, value }: CompareOperation,
): Result {
  if (identity === undefined) throw new ResultError("insufficientAccessRights", "bind first");
  const key = dnKey(dn);
  const entry = store.byKey(key);
  if (entry === undefined)
    throw new ResultError("noSuchObject", "no such object", store.matchedDn(key));
  const description = parseDescription(attribute);
  if (description === undefined)
    throw new ResultError("undefinedAttributeType", `${attribute}: attribute type undefined`);
  const wanted = normalizeValue(description.type.syntax, value);
  if (wanted === undefined)
    throw new ResultError("invalidAttributeSyntax", `${attribute}: invalid assertion value`);
  const held = valuesReader(store, description)(entry);
  if (held.length === 0)
    throw new ResultError("noSuchAttribute", `${attribute}: no such attribute`);
  const equal = held.some((each) => normalizeValue(each.syntax, each.value) === wanted);
  return { result: equal ? "compareTrue" : "compareFalse" };
}
