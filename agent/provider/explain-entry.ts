import {
  type CompiledMapping,
  restrictMapping,
  sourceAttributes,
} from "../core/compiled-mapping.ts";
import { dnKey, isUnder } from "../core/dn.ts";
import { type Entry, textsOf } from "../core/entry.ts";
import type { EntryProblem } from "../core/exchange.ts";
import { leftOutAs, leftOutAttributes } from "../core/left-out.ts";
import { mapEntry } from "../core/map-entry.ts";
import { ScimError } from "../core/scim/error.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import {
  clauseAttributes,
  evaluateClauses,
  evaluateScope,
  type RuleVerdict,
  type ScopeVerdict,
} from "../core/scope-verdict.ts";
import type { Directory } from "../ports.ts";
import { readWhole } from "./read-whole.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** Which entry, and as what it is to be judged. */
export type ExplainRequest = { readonly resourceType?: ResourceTypeName } & (
  | { readonly id: string }
  | { readonly dn: string }
);

/**
 * Why an entry is provisioned, or why not. Names of units, groups and clauses of the configuration and problems of the
 * mapping; of the entry itself nothing but its id.
 */
export type Explanation = {
  readonly directory: string;
  readonly id: string;
  /** As whose resource types its object classes count. */
  readonly resourceTypes: readonly ResourceTypeName[];
} & (
  | {
      readonly inScope: false;
      readonly because: "no resource type";
      /** For a person. */
      readonly detail: string;
    }
  | ({
      /** The one that was judged. */
      readonly resourceType: ResourceTypeName;
      /** Every clause of it, the ones after the first that fails too. */
      readonly clauses: readonly RuleVerdict[];
      /** Whether the mapping makes a resource of it, in scope or not. */
      readonly mapped: boolean;
      readonly problem?: EntryProblem;
    } & ScopeVerdict)
);

const RESOURCE_TYPES: readonly ResourceTypeName[] = ["User", "Group"];
/** Characters; DNs of a directory are far below. */
const MAX_DN_LENGTH = 8192;

/**
 * Reads the body of `POST /agent/explain`. Names come in any letter case, null counts as absent.
 * @throws ScimError 400: invalidSyntax (no object), invalidValue (not exactly one of id and dn, an unknown type)
 */
export function parseExplainRequest(body: unknown): ExplainRequest {
  if (!isObject(body)) {
    throw new ScimError(400, "the body is not a JSON object", { scimType: "invalidSyntax" });
  }
  const [id, dn, type] = ["id", "dn", "resourceType"].map((name) => readText(body, name));
  const resourceType = RESOURCE_TYPES.find((name) => name === type);
  if (type !== undefined && resourceType === undefined) {
    throw invalidValue(`resourceType must be one of ${RESOURCE_TYPES.join(", ")}`);
  }
  const judged = resourceType === undefined ? {} : { resourceType };
  if (id !== undefined && dn === undefined) return { id, ...judged };
  if (dn === undefined || id !== undefined) throw invalidValue("give either id or dn");
  if (dn.length > MAX_DN_LENGTH) throw invalidValue(`dn has more than ${MAX_DN_LENGTH} characters`);
  return { dn, ...judged };
}

function readText(body: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = memberReader(name)(body) ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw invalidValue(`${name} must be a string`);
}

/**
 * The verdict of the scope on one entry below the directory's base. What depends on the time is worked out for `now`,
 * milliseconds since 1970.
 * @throws ScimError 404 when there is none; AgentError as `resolveScope` and `readWhole`
 */
export async function explainEntry(
  served: ServedDirectory,
  request: ExplainRequest & { readonly now: number },
  signal: AbortSignal,
): Promise<Explanation> {
  const { directory, mappings } = served;
  const entry = await readEntry(served, request, signal);
  if (entry === undefined) {
    throw new ScimError(404, "there is no such entry below the base of the directory");
  }
  const resourceTypes = RESOURCE_TYPES.filter((type) => isOfType(entry, mappings[type]));
  const known = { directory: directory.name, id: entry.id, resourceTypes };
  const judged = request.resourceType === undefined ? RESOURCE_TYPES : [request.resourceType];
  const resourceType = judged.find((type) => resourceTypes.includes(type));
  if (resourceType === undefined) {
    const classes = judged.flatMap((type) =>
      mappings[type].objectClasses.map((name) => `${name} (${type})`),
    );
    const detail = `has none of the object classes ${classes.join(", ")}`;
    return { ...known, inScope: false, because: "no resource type", detail };
  }
  const scope = await resolveScope(served, signal);
  const mapping = withoutReferences(mappings[resourceType]);
  const mapped = mapEntry(entry, { mapping, idOf: () => undefined, now: request.now });
  return {
    ...known,
    resourceType,
    ...(evaluateLeftOut(entry, directory) ?? evaluateScope(entry, { resourceType, scope })),
    clauses: evaluateClauses(entry, { resourceType, scope }),
    mapped: mapped.kind === "resource",
    ...(mapped.kind === "problem" ? { problem: mapped.problem } : {}),
  };
}

/** Searches leave such an entry out, whatever the scope says. */
function evaluateLeftOut(entry: Entry, { leftOut }: Directory): ScopeVerdict | undefined {
  const detail = leftOutAs(entry, leftOut);
  return detail === undefined ? undefined : { inScope: false, because: "left out", detail };
}

async function readEntry(
  served: ServedDirectory,
  request: ExplainRequest,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const { directory } = served;
  const attributes = attributesOf(served);
  if ("dn" in request) {
    const key = dnKey(request.dn);
    // The account may see more of the server than the agent is there for, its root DSE to begin with.
    if (!isUnder(key, dnKey(directory.baseDn))) return undefined;
    return directory.read(request.dn, attributes, signal);
  }
  const ldapFilter = directory.idFilter(request.id.toLowerCase());
  if (ldapFilter === undefined) return undefined;
  const query = { baseDn: directory.baseDn, searchScope: "sub", ldapFilter, attributes } as const;
  let found: Entry | undefined;
  for await (const batch of readWhole(directory, query, signal)) found ??= batch[0];
  return found;
}

function attributesOf({ directory, mappings, scope }: ServedDirectory): readonly string[] {
  const names = RESOURCE_TYPES.flatMap((type) => [
    ...sourceAttributes(withoutReferences(mappings[type])),
    ...clauseAttributes(scope, type),
  ]);
  return [...new Set(["objectclass", ...leftOutAttributes(directory.leftOut), ...names])];
}

/** A reference that cannot be followed is left out and never a problem; the members of a group are many. */
function withoutReferences(mapping: CompiledMapping): CompiledMapping {
  return restrictMapping(mapping, ({ isReference }) => !isReference);
}

function isOfType(entry: Entry, { objectClasses }: CompiledMapping): boolean {
  const classes = new Set(textsOf(entry, "objectClass").map((name) => name.toLowerCase()));
  return objectClasses.some((name) => classes.has(name.toLowerCase()));
}

function invalidValue(detail: string): ScimError {
  return new ScimError(400, detail, { scimType: "invalidValue" });
}
