import { type CompiledMapping, restrictMapping } from "../core/compiled-mapping.ts";
import { dnKey, isUnder } from "../core/dn.ts";
import type { Entry } from "../core/entry.ts";
import type { EntryProblem } from "../core/exchange.ts";
import { mapEntry } from "../core/map-entry.ts";
import { ScimError } from "../core/scim/error.ts";
import { isObject, memberReader } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { ScopeExplanation, UnitRule } from "../core/scope-explanation.ts";
import type { RuleVerdict, ScopeVerdict } from "../core/scope-verdict.ts";
import { judgedAttributes, judgeEntry, RESOURCE_TYPES } from "./judge-entry.ts";
import { readWhole } from "./read-whole.ts";
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
      readonly because: "no resource type" | "left out";
      /** For a person. */
      readonly detail: string;
    }
  | ({
      /** The one that was judged. */
      readonly resourceType: ResourceTypeName;
      /** The rules that cover it, deepest first. */
      readonly organizationalUnits: readonly Pick<UnitRule, "dn" | "rule" | "decides">[];
      readonly groups: readonly MembershipVerdict[];
      /** Every clause of it, the ones after the first that fails too. */
      readonly clauses: readonly RuleVerdict[];
      /** Whether the mapping makes a resource of it, in scope or not. */
      readonly mapped: boolean;
      readonly problem?: EntryProblem;
    } & ScopeVerdict)
);

/** Whether the entry is a member of a scope group. */
export interface MembershipVerdict {
  readonly dn: string;
  readonly holds: boolean;
  /** How many groups deep: 1 for a direct member. Which groups lie between is not for whoever asks over the bus. */
  readonly levels?: number;
}

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
  const judged = await judgeEntry(served, { entry, resourceType: request.resourceType }, signal);
  const { resourceTypes, resourceType } = judged;
  const known = { directory: directory.name, id: entry.id, resourceTypes };
  if (resourceType === undefined) {
    const { because, detail } = judged;
    return { ...known, inScope: false, because, detail };
  }
  const mapping = withoutReferences(mappings[resourceType]);
  const mapped = mapEntry(entry, {
    mapping,
    idOf: () => undefined,
    now: request.now,
  });
  return {
    ...known,
    resourceType,
    ...judged.scope.verdict,
    ...withoutValues(judged.scope),
    mapped: mapped.kind === "resource",
    ...(mapped.kind === "problem" ? { problem: mapped.problem } : {}),
  };
}

/** What may leave this machine: names that the configuration holds, and whether they apply. */
function withoutValues({ organizationalUnits, groups, clauses }: ScopeExplanation) {
  return {
    organizationalUnits: organizationalUnits
      .filter(({ covers }) => covers)
      .map(({ dn, rule, decides }) => ({ dn, rule, decides })),
    groups: groups.map(({ dn, holds, path }) =>
      holds ? { dn, holds, levels: path.length } : { dn, holds },
    ),
    clauses: clauses.map(({ rule, holds }) => ({ rule, holds })),
  };
}

async function readEntry(
  served: ServedDirectory,
  request: ExplainRequest,
  signal: AbortSignal,
): Promise<Entry | undefined> {
  const { directory } = served;
  const attributes = judgedAttributes(served, {
    User: withoutReferences(served.mappings.User),
    Group: withoutReferences(served.mappings.Group),
  });
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

/** A reference that cannot be followed is left out and never a problem; the members of a group are many. */
function withoutReferences(mapping: CompiledMapping): CompiledMapping {
  return restrictMapping(mapping, ({ isReference }) => !isReference);
}

function invalidValue(detail: string): ScimError {
  return new ScimError(400, detail, { scimType: "invalidValue" });
}
