const LISTS: ReadonlySet<string> = new Set(["/", "/Users", "/Groups"]);
const RESOURCE = /^\/(?:Users|Groups)\/[^/]+$/;
const DISCOVERY = /^\/(?:ServiceProviderConfig|Schemas|ResourceTypes)(?:\/[^/]+)?$/;
const SEARCH = /^(?:\/(?:Users|Groups))?\/\.search$/;
const COMMANDS: ReadonlySet<string> = new Set(["/.delta", "/agent/explain"]);

/** What kind of thing stands at a path of the HTTP face. `other`: whatever the handler says. */
export type PathKind = "list" | "search" | "resource" | "discovery" | "command" | "other";

export function kindOfPath(path: string): PathKind {
  if (LISTS.has(path)) return "list";
  if (SEARCH.test(path)) return "search";
  if (COMMANDS.has(path)) return "command";
  if (DISCOVERY.test(path)) return "discovery";
  return RESOURCE.test(path) ? "resource" : "other";
}
