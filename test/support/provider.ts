import { loadMapping } from "../../agent/config/mapping-file.ts";
import { compileMapping } from "../../agent/core/compiled-mapping.ts";
import type { Answer, AnswerElement, ListEnd, ScimRequest } from "../../agent/core/exchange.ts";
import type { Scope } from "../../agent/core/scope.ts";
import type { Directory } from "../../agent/ports.ts";
import type { ServedDirectory } from "../../agent/provider/served-directory.ts";

const MAPPINGS = compileMapping(await loadMapping({ kind: "shipped", name: "openldap" }));

const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

export interface ScopeParts {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly groups?: Scope["groups"];
  readonly combine?: Scope["combine"];
  readonly clauses?: Scope["clauses"];
}

/** A directory with the shipped OpenLDAP mapping and what the test says of the scope. */
export function serve(directory: Directory, parts: ScopeParts = {}): ServedDirectory {
  const { include = [], exclude = [], groups = [], combine = "all", clauses = [] } = parts;
  const scope = { organizationalUnits: { include, exclude }, groups, combine, clauses };
  return { directory, scope, mappings: MAPPINGS };
}

/** A request as the bus would bring it. */
export function request(
  method: string,
  path: string,
  options: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
): ScimRequest {
  return {
    method,
    path,
    headers: new Map(Object.entries(options.headers ?? {})),
    body: options.body,
    requestId: "request-1",
    correlationId: "cycle-1",
  };
}

/** A search with its schema. */
export function search(path: string, body: Readonly<Record<string, unknown>> = {}): ScimRequest {
  return request("POST", `${path}/.search`, { body: { schemas: [SEARCH_REQUEST], ...body } });
}

export interface ReadList {
  readonly elements: readonly AnswerElement[];
  readonly end: ListEnd;
}

/** A list to its end. */
export async function readList(answer: Answer): Promise<ReadList> {
  if (answer.kind !== "list") throw new Error(`a document: ${JSON.stringify(answer)}`);
  const elements: AnswerElement[] = [];
  for (;;) {
    const next = await answer.elements.next();
    if (next.done === true) return { elements, end: next.value };
    elements.push(...next.value);
  }
}

/** The ids of a list's elements in their order, a problem's too. */
export function idsOf({ elements }: ReadList): readonly string[] {
  return elements.map((element) => {
    if (element.kind === "resource") return element.resource.id;
    return element.kind === "change" ? element.change.changedResourceId : element.problem.id;
  });
}
