import { ScimError } from "../../core/scim/error.ts";
import { isObject } from "../../core/scim/resource.ts";
import { errorReply, type Reply } from "./reply.ts";
import type { Route, ScimRequest } from "./scim-request.ts";

/** One way in which SCIM apps are wrong. */
interface Defect {
  /** For a person. */
  readonly description: string;
  /** Changes a request; undefined when it is answered with 204 and not carried out. */
  readonly request?: (request: ScimRequest, route: Route) => ScimRequest | undefined;
  readonly reply?: (reply: Reply, request: ScimRequest, route: Route) => Reply;
}

const DEFECTS = {
  "empty-404": {
    description: "a search that finds nothing is answered with 404",
    reply: (reply, _request, route) =>
      isSearch(route) && listed(reply)?.length === 0 ? { status: 404, body: {} } : reply,
  },
  "ignore-filter": {
    description: "filters are not followed",
    request: (request) => without(request, "filter"),
  },
  "exact-case": {
    description: "userName is compared with its case",
    reply: (reply, { query }, route) => {
      const name = /userName eq "([^"]*)"/i.exec(query.get("filter") ?? "")?.[1];
      if (name === undefined || !isSearch(route)) return reply;
      return keeping(reply, ({ userName }) => userName === name);
    },
  },
  "ignore-excluded": {
    description: "excludedAttributes is not followed",
    request: (request) => without(request, "excludedattributes"),
  },
  "first-page": {
    description: "startIndex is not followed",
    request: (request) => without(request, "startindex"),
  },
  "no-id": {
    description: "the answer to a creation has no id",
    reply: (reply, { method }) => {
      if (method !== "POST" || reply.status !== 201 || !isObject(reply.body)) return reply;
      const { id: _id, ...body } = reply.body;
      return { ...reply, body };
    },
  },
  "conflict-201": {
    description: "whoever is there already is created once more, it says",
    reply: (reply, { method, body }) =>
      method === "POST" && reply.status === 409 && isObject(body)
        ? { status: 201, body: { ...body, id: "twice" } }
        : reply,
  },
  "conflict-400": {
    description: "what is not unique is refused with 400",
    reply: (reply) => (reply.status === 409 ? { ...reply, status: 400 } : reply),
  },
  "ignore-patch": {
    description: "PATCH is answered and not carried out",
    request: (request) => (request.method === "PATCH" ? undefined : request),
  },
  "ignore-delete": {
    description: "DELETE is answered and not carried out",
    request: (request) => (request.method === "DELETE" ? undefined : request),
  },
  "hide-disabled": {
    description: "users who are disabled cannot be read",
    reply: (reply, { method }, route) => {
      if (method !== "GET") return reply;
      if (isSearch(route)) return keeping(reply, ({ active }) => active !== false);
      const isHidden = isObject(reply.body) && reply.body["active"] === false;
      return isHidden ? { status: 404, body: {} } : reply;
    },
  },
} as const satisfies Readonly<Record<string, Defect>>;

export type DefectName = keyof typeof DEFECTS;

/** Every defect with what it does. */
export const DEFECT_DESCRIPTIONS: ReadonlyMap<string, string> = new Map(
  Object.entries(DEFECTS).map(([name, { description }]) => [name, description]),
);

/** @returns undefined when the text names none */
export function findDefect(text: string): DefectName | undefined {
  return Object.hasOwn(DEFECTS, text) ? (text as DefectName) : undefined;
}

/**
 * Answers with all of the defects.
 * @throws what `answer` throws, unless there are defects, which errors have too
 */
export function answerDefectively(
  names: readonly DefectName[],
  answer: (request: ScimRequest) => Reply,
  { route, request }: { readonly route: Route; readonly request: ScimRequest },
): Reply {
  if (names.length === 0) return answer(request);
  let changed = request;
  for (const name of names) {
    const { request: change }: Defect = DEFECTS[name];
    const next = change === undefined ? changed : change(changed, route);
    if (next === undefined) return { status: 204 };
    changed = next;
  }
  let reply = replied(() => answer(changed));
  for (const name of names) {
    const { reply: change }: Defect = DEFECTS[name];
    if (change !== undefined) reply = change(reply, request, route);
  }
  return reply;
}

function replied(answer: () => Reply): Reply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof ScimError) return errorReply(error);
    throw error;
  }
}

function isSearch({ kind }: Route): boolean {
  return kind === "collection" || kind === "search";
}

function without(request: ScimRequest, name: string): ScimRequest {
  const query = new Map(request.query);
  query.delete(name);
  return { ...request, query };
}

function listed({ body }: Reply): readonly unknown[] | undefined {
  const resources = isObject(body) ? body["Resources"] : undefined;
  if (Array.isArray(resources)) return resources;
  return isObject(body) && body["totalResults"] === 0 ? [] : undefined;
}

/** The list with those only that the app does not hide. */
function keeping(
  reply: Reply,
  isShown: (resource: Readonly<Record<string, unknown>>) => boolean,
): Reply {
  const all = listed(reply);
  if (all === undefined || !isObject(reply.body)) return reply;
  const shown = all.filter((each) => isObject(each) && isShown(each));
  if (shown.length === all.length) return reply;
  const totalResults = Number(reply.body["totalResults"]) - (all.length - shown.length);
  const body = { ...reply.body, totalResults, itemsPerPage: shown.length, Resources: shown };
  return { ...reply, body };
}
