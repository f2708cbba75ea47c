import { badRequest, ScimError } from "./error.ts";
import { isObject, memberReader } from "./resource.ts";
import { PATCH_OP_MESSAGE } from "./urn.ts";

/**
 * How a PATCH is understood: `rfc7644` to the letter, `entra` with all that Microsoft Entra's provisioning service
 * sends besides ("True" for true, values in the wrong shape, paths as names, elements that are to be created).
 */
export type PatchProfile = "rfc7644" | "entra";

/** One operation of RFC 7644 section 3.5.2. */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace";
  /** Absent when the value is a set of attributes of the resource itself. */
  readonly path?: string;
  /** Absent when the operation has none; null is a value. */
  readonly value?: unknown;
}

/** The message of RFC 7644 section 3.5.2 as it is sent. */
export interface PatchMessage {
  readonly schemas: readonly [typeof PATCH_OP_MESSAGE];
  readonly Operations: readonly {
    readonly op: string;
    readonly path?: string;
    readonly value?: unknown;
  }[];
}

/** Most operations of one message. */
export const MAX_PATCH_OPERATIONS = 1000;
/** How deep arrays and objects may be nested in a value. The schemas need four levels. */
const MAX_DEPTH = 16;

const readSchemas = memberReader("schemas");
const readOperations = memberReader("Operations");
const readOp = memberReader("op");
const readPath = memberReader("path");
const readValue = memberReader("value");

/**
 * Reads the body of a PATCH. Names and operations come in any letter case; a path of null counts as none.
 * @throws ScimError 400: invalidSyntax (no PatchOp, no operations, an unknown operation), invalidPath (a path that is
 *   no text), invalidValue (`add` and `replace` without a value, a value nested deeper than 16); 413: more than 1,000
 *   operations
 */
export function parsePatch(body: unknown): readonly PatchOperation[] {
  if (!isObject(body)) throw badRequest("invalidSyntax", "the body is not a JSON object");
  if (!namesPatchOp(readSchemas(body))) {
    throw badRequest("invalidSyntax", `schemas must hold ${PATCH_OP_MESSAGE}`);
  }
  const operations = readOperations(body);
  if (!Array.isArray(operations) || operations.length === 0) {
    throw badRequest("invalidSyntax", "Operations must be a list with at least one operation");
  }
  if (operations.length > MAX_PATCH_OPERATIONS) {
    throw new ScimError(413, `more than ${MAX_PATCH_OPERATIONS} operations`);
  }
  return operations.map(parseOperation);
}

function namesPatchOp(schemas: unknown): boolean {
  const folded = PATCH_OP_MESSAGE.toLowerCase();
  return (
    Array.isArray(schemas) &&
    schemas.some((urn) => typeof urn === "string" && urn.toLowerCase() === folded)
  );
}

function parseOperation(operation: unknown, at: number): PatchOperation {
  if (!isObject(operation)) throw badRequest("invalidSyntax", `operation ${at} is not an object`);
  const given = readOp(operation);
  const op = typeof given === "string" ? given.toLowerCase() : undefined;
  if (op !== "add" && op !== "remove" && op !== "replace") {
    throw badRequest("invalidSyntax", `operation ${at}: op must be add, remove or replace`);
  }
  const path = readPath(operation) ?? undefined;
  if (path !== undefined && typeof path !== "string") {
    throw badRequest("invalidPath", `operation ${at}: the path is not a text`);
  }
  const value = readValue(operation);
  if (value === undefined && op !== "remove") {
    throw badRequest("invalidValue", `operation ${at}: ${op} needs a value`);
  }
  if (!fitsDepth(value)) {
    throw badRequest("invalidValue", `operation ${at}: nested deeper than ${MAX_DEPTH}`);
  }
  return {
    op,
    ...(path === undefined ? {} : { path }),
    ...(value === undefined ? {} : { value }),
  };
}

/** Whether arrays and objects are nested no deeper than 16. */
export function fitsDepth(value: unknown): boolean {
  // Level by level, since a recursion would be bound by the stack.
  let level = [value];
  for (let depth = 0; depth <= MAX_DEPTH; depth++) {
    level = level.flatMap((each) =>
      typeof each === "object" && each !== null ? Object.values(each) : [],
    );
    if (level.length === 0) return true;
  }
  return false;
}
