import type { JsonObject } from "../../core/scim/attribute-value.ts";
import { badRequest, ScimError } from "../../core/scim/error.ts";
import { fitsDepth } from "../../core/scim/patch-operation.ts";
import { isObject, memberReader } from "../../core/scim/resource.ts";
import { BULK_REQUEST_MESSAGE } from "../../core/scim/urn.ts";

/** One operation as it came; what is wrong with it is told when its turn comes. */
export interface BulkOperation {
  /** In upper case. */
  readonly method: string;
  readonly path: string;
  readonly bulkId: string | undefined;
  /** Entity tag that the resource must have. */
  readonly version: string | undefined;
  readonly data: unknown;
}

export interface BulkRequest {
  readonly operations: readonly BulkOperation[];
  /** After how many errors to stop; undefined for never. */
  readonly failOnErrors: number | undefined;
}

/** Most operations of one request. */
export const MAX_OPERATIONS = 1000;
/** Largest request, in bytes. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

const readSchemas = memberReader("schemas");
const readOperations = memberReader("Operations");
const readFailOnErrors = memberReader("failOnErrors");
const readMethod = memberReader("method");
const readPath = memberReader("path");
const readBulkId = memberReader("bulkId");
const readVersion = memberReader("version");
const readData = memberReader("data");

/** What refers to the resource that another operation creates (RFC 7644 section 3.7.2). */
const REFERENCE = "bulkId:";
/** Where references stand: ids, locations, paths, and Entra's bare manager. Elsewhere it is text. */
const REFERRING: ReadonlySet<string> = new Set(["value", "$ref", "path", "manager"]);
const IN_TEXT = /bulkId:([^\s"'\][/?#]+)/g;

/**
 * Reads the body of `POST /Bulk` (RFC 7644 section 3.7).
 * @throws ScimError 400: invalidSyntax, invalidValue; 413: too many operations
 */
export function parseBulkRequest(body: unknown): BulkRequest {
  if (!isObject(body)) throw badRequest("invalidSyntax", "the body is not a JSON object");
  const schemas = readSchemas(body);
  const folded = BULK_REQUEST_MESSAGE.toLowerCase();
  if (
    !Array.isArray(schemas) ||
    !schemas.some((urn) => typeof urn === "string" && urn.toLowerCase() === folded)
  ) {
    throw badRequest("invalidSyntax", `schemas must hold ${BULK_REQUEST_MESSAGE}`);
  }
  const operations = readOperations(body);
  if (!Array.isArray(operations)) throw badRequest("invalidSyntax", "Operations must be a list");
  if (operations.length > MAX_OPERATIONS) {
    throw new ScimError(413, `more than ${MAX_OPERATIONS} operations`);
  }
  const failOnErrors = readFailOnErrors(body) ?? undefined;
  if (failOnErrors !== undefined && !isPositive(failOnErrors)) {
    throw badRequest("invalidValue", "failOnErrors must be an integer above 0");
  }
  return { operations: operations.map(parseOperation), failOnErrors };
}

function parseOperation(operation: unknown, at: number): BulkOperation {
  if (!isObject(operation)) throw badRequest("invalidSyntax", `operation ${at} is not an object`);
  const data = readData(operation);
  if (!fitsDepth(data)) throw badRequest("invalidValue", `operation ${at} is nested too deep`);
  return {
    method: (textOf(readMethod(operation)) ?? "").toUpperCase(),
    path: textOf(readPath(operation)) ?? "",
    bulkId: textOf(readBulkId(operation)),
    version: textOf(readVersion(operation)),
    data,
  };
}

/** The bulkIds that an operation refers to. */
export function referencesIn({ path, data }: BulkOperation): ReadonlySet<string> {
  const found = new Set<string>();
  const collect = (text: string): string => {
    for (const [, bulkId = ""] of text.matchAll(IN_TEXT)) found.add(bulkId);
    return text;
  };
  collect(path);
  mapReferences(data, collect);
  return found;
}

/** The operation with ids in place of its references. */
export function withoutReferences(
  operation: BulkOperation,
  idOf: (bulkId: string) => string,
): BulkOperation {
  const resolve = (text: string): string =>
    text.includes(REFERENCE)
      ? text.replace(IN_TEXT, (_reference, bulkId: string) => idOf(bulkId))
      : text;
  return {
    ...operation,
    path: resolve(operation.path),
    data: mapReferences(operation.data, resolve),
  };
}

function mapReferences(value: unknown, change: (text: string) => string, refers = false): unknown {
  if (typeof value === "string") return refers ? change(value) : value;
  if (Array.isArray(value)) return value.map((each) => mapReferences(each, change, refers));
  if (!isObject(value)) return value;
  return mapMembers(value, change);
}

function mapMembers(value: JsonObject, change: (text: string) => string): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      mapReferences(member, change, REFERRING.has(name.toLowerCase())),
    ]),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
