import { type CompiledMapping, sourceAttributes } from "../core/compiled-mapping.ts";
import { type Entry, textsOf } from "../core/entry.ts";
import { leftOutAs, leftOutAttributes } from "../core/left-out.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { explainScope, type ScopeExplanation } from "../core/scope-explanation.ts";
import { clauseAttributes } from "../core/scope-verdict.ts";
import { primaryGroupAttributes, readsPrimaryMembers } from "./primary-groups.ts";
import { resolveScope } from "./resolve-scope.ts";
import type { ServedDirectory } from "./served-directory.ts";

export const RESOURCE_TYPES: readonly ResourceTypeName[] = ["User", "Group"];

/** What the configuration says of an entry. Holds values and names of people: not all of it is for everybody. */
export type JudgedEntry =
  | {
      /** As whose resource types its object classes count. */
      readonly resourceTypes: readonly ResourceTypeName[];
      readonly resourceType: undefined;
      readonly because: "no resource type" | "left out";
      /** For a person: the object classes that were looked for, or what is never provisioned. */
      readonly detail: string;
    }
  | {
      readonly resourceTypes: readonly ResourceTypeName[];
      /** The one that was judged. */
      readonly resourceType: ResourceTypeName;
      readonly scope: ScopeExplanation;
    };

/**
 * Every rule of the scope on one entry, which must hold `judgedAttributes`.
 * @param options.resourceType as what it is judged; when undefined, as a User before a Group
 * @throws AgentError as `resolveScope`
 */
export async function judgeEntry(
  served: ServedDirectory,
  options: { readonly entry: Entry; readonly resourceType: ResourceTypeName | undefined },
  signal: AbortSignal,
): Promise<JudgedEntry> {
  const { mappings, scope: configured } = served;
  const { entry } = options;
  const resourceTypes = RESOURCE_TYPES.filter((type) => isOfType(entry, mappings[type]));
  const judged = options.resourceType === undefined ? RESOURCE_TYPES : [options.resourceType];
  const resourceType = judged.find((type) => resourceTypes.includes(type));
  if (resourceType === undefined) {
    const classes = judged.flatMap((type) =>
      mappings[type].objectClasses.map((name) => `${name} (${type})`),
    );
    const detail = `has none of the object classes ${classes.join(", ")}`;
    return { resourceTypes, resourceType, because: "no resource type", detail };
  }
  const leftOut = leftOutAs(entry, served.directory.leftOut);
  if (leftOut !== undefined) {
    return { resourceTypes, resourceType: undefined, because: "left out", detail: leftOut };
  }
  const scope = await resolveScope(served, signal);
  return {
    resourceTypes,
    resourceType,
    scope: explainScope(entry, { resourceType, scope, configured }),
  };
}

/** The attributes that judging takes, and mapping with these mappings; in lower case. */
export function judgedAttributes(
  { scope, directory }: Pick<ServedDirectory, "scope" | "directory">,
  mappings: ServedDirectory["mappings"],
): readonly string[] {
  const names = RESOURCE_TYPES.flatMap((type) => [
    ...sourceAttributes(mappings[type]),
    ...clauseAttributes(scope, type),
  ]);
  const leftOut = leftOutAttributes(directory.leftOut);
  const tokens = readsPrimaryMembers(directory, mappings.Group)
    ? primaryGroupAttributes(directory)
    : [];
  return [
    ...new Set(["objectclass", ...leftOut, ...tokens, ...names].map((name) => name.toLowerCase())),
  ];
}

function isOfType(entry: Entry, { objectClasses }: CompiledMapping): boolean {
  const classes = new Set(textsOf(entry, "objectClass").map((name) => name.toLowerCase()));
  return objectClasses.some((name) => classes.has(name.toLowerCase()));
}
