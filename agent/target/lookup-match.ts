import { AgentError } from "../core/error.ts";
import { parseFilter, type ScimFilter } from "../core/scim/filter.ts";
import { compileFilter } from "../core/scim/filter-match.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import type { ResourceTypeName } from "../core/scope.ts";

/**
 * Tells the resources that a look-up cannot have meant: they have the attribute, with another value. One that does
 * not show it is believed. Letter case is the target's to judge.
 * @throws AgentError `config.invalid` for a path that no filter can have
 */
export function compileStranger(
  resourceType: ResourceTypeName,
  { path, value }: { readonly path: string; readonly value: string },
): (resource: ScimResource) => boolean {
  const matches = compileFilter(parse(path, `eq ${folded(value)}`), resourceType);
  const isShown = compileFilter(parse(path, "pr"), resourceType);
  return (resource) => {
    // The names of members are read in any letter case, so that all of it may be folded.
    const plain = JSON.parse(folded(resource)) as ScimResource;
    return isShown(plain) && !matches(plain);
  };
}

function folded(value: unknown): string {
  return JSON.stringify(value).toLowerCase();
}

function parse(path: string, test: string): ScimFilter {
  try {
    return parseFilter(`${path} ${test}`);
  } catch (cause) {
    throw new AgentError("config.invalid", `no filter can have the matching attribute ${path}`, {
      cause,
    });
  }
}
