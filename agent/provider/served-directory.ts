import type { CompiledMapping } from "../core/compiled-mapping.ts";
import { ScimError } from "../core/scim/error.ts";
import type { ResourceTypeName, Scope } from "../core/scope.ts";
import type { Directory } from "../ports.ts";

/** In the order in which they are listed: a group refers to users. */
export const RESOURCE_TYPE_NAMES: readonly ResourceTypeName[] = ["User", "Group"];

/** A directory with what the configuration says of it: who is provisioned, and as what. */
export interface ServedDirectory {
  readonly directory: Directory;
  readonly scope: Scope;
  readonly mappings: Readonly<Record<ResourceTypeName, CompiledMapping>>;
}

/**
 * The directory that a request means: the one it names, or the only one.
 * @throws ScimError 400 invalidValue when it names none of them, or several are served and it names none
 */
export function chooseDirectory(
  served: readonly ServedDirectory[],
  name: string | undefined,
): ServedDirectory {
  const [only] = served;
  if (name === undefined && served.length === 1 && only !== undefined) return only;
  const named = served.find(({ directory }) => directory.name === name);
  if (named !== undefined) return named;
  const names = served.map(({ directory }) => directory.name).join(", ");
  const what =
    name === undefined ? "the directory header is missing" : "there is no such directory";
  throw new ScimError(400, `${what}; this agent serves: ${names}`, { scimType: "invalidValue" });
}
