import { parseFilter } from "../../agent/core/scim/filter.ts";
import { compileFilter } from "../../agent/core/scim/filter-match.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import type { OutgoingRequest, Reply, Requester } from "../../agent/ports.ts";
import { ENTERPRISE, GROUP, USER } from "./scim-app.ts";

type Json = Readonly<Record<string, unknown>>;

interface Entry {
  readonly resource: ScimResource;
  /** Of the last change. */
  readonly serial: number;
}

/** An agent behind the port of the requester: a directory of a few entries, deltas with a listing of ids, searches by id. */
export class ScriptedAgent implements Requester {
  readonly requests: OutgoingRequest[] = [];
  configuration = "c1-one";
  /** Ends the next import after so many items, with a 503. */
  cutAfter: number | undefined;
  /** What every import is answered with instead. */
  refusal: { readonly status: number; readonly detail: string } | undefined;
  /** Whether deletions are said in so many words, and nothing is listed that did not change. */
  listing: "full" | "changes" = "full";
  readonly #entries = new Map<string, Entry>();
  readonly #deleted = new Map<string, { readonly type: string; readonly serial: number }>();
  #serial = 0;

  put(...resources: readonly ScimResource[]): this {
    for (const resource of resources) {
      this.#entries.set(resource.id, { resource, serial: ++this.#serial });
    }
    return this;
  }

  change(id: string, change: Json): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new Error(`there is no ${id}`);
    this.put({ ...entry.resource, ...change });
  }

  /** As a directory takes a reference away: the entry is another, and nothing says that it changed. */
  rewrite(resource: ScimResource): void {
    const serial = this.#entries.get(resource.id)?.serial ?? 0;
    this.#entries.set(resource.id, { resource, serial });
  }

  /** Out of the agent's scope, or deleted in the directory. */
  remove(...ids: readonly string[]): void {
    for (const id of ids) {
      const type = this.#entries.get(id)?.resource.schemas.includes(GROUP) ? "Group" : "User";
      this.#entries.delete(id);
      this.#deleted.set(id, { type, serial: ++this.#serial });
    }
  }

  async request(request: OutgoingRequest): Promise<Reply> {
    this.requests.push(request);
    const body = request.body as Json;
    if (request.path === "/.search") {
      const matches = compileFilter(parseFilter(String(body["filter"])), "User");
      const found = [...this.#entries.values()].filter(({ resource }) => matches(resource));
      return this.#reply(200, [{ Resources: found.map(({ resource }) => resource) }]);
    }
    if (this.refusal !== undefined) {
      const { status, detail } = this.refusal;
      return this.#reply(status, [{ detail }]);
    }
    return this.#delta(body["deltaToken"]);
  }

  #delta(token: unknown): Reply {
    const since = token === undefined ? 0 : Number(String(token).slice(1));
    const changed = [...this.#entries.values()].filter(({ serial }) => serial > since);
    const upserts = changed.map(({ resource }) => ({
      ...nameOf(resource),
      changeType: "update",
      data: resource,
    }));
    const rest =
      this.listing === "changes"
        ? [...this.#deleted]
            .filter(([, { serial }]) => serial > since)
            .map(([id, { type }]) => {
              const item = { resourceType: type, changedResourceId: id, changeType: "delete" };
              return { ...item, reason: "deleted" };
            })
        : [...this.#entries.values()]
            .filter(({ serial }) => serial <= since)
            .map(({ resource }) => ({ ...nameOf(resource), changeType: "present" }));
    const items = [...upserts, ...rest];
    const { cutAfter } = this;
    this.cutAfter = undefined;
    if (cutAfter !== undefined) {
      const detail = "the server went away";
      return this.#reply(503, [{ Resources: items.slice(0, cutAfter) }, { detail }]);
    }
    const listing = token === undefined ? "full" : this.listing;
    return this.#reply(200, [
      { Resources: items },
      { listing, nextDeltaToken: `t${this.#serial}` },
    ]);
  }

  #reply(status: number, documents: readonly Json[]): Reply {
    return {
      status,
      headers: new Map([["configuration", this.configuration]]),
      parts: documents.length,
      async *documents() {
        yield* documents;
      },
      counts: () => ({ repeated: 0, dropped: 0 }),
      release: async () => undefined,
    };
  }

  async close(): Promise<void> {}
}

function nameOf({ id, schemas }: ScimResource): Json {
  return { resourceType: schemas.includes(GROUP) ? "Group" : "User", changedResourceId: id };
}

export function person(
  name: string,
  { manager, ...more }: Json & { readonly manager?: string } = {},
): ScimResource {
  return {
    schemas: [USER, ENTERPRISE],
    id: `id-${name}`,
    externalId: `anchor-${name}`,
    userName: `${name}@example.com`,
    displayName: name,
    active: true,
    emails: [{ type: "work", value: `${name}@example.com` }],
    [ENTERPRISE]: { department: "Sales", ...(manager && { manager: { value: `id-${manager}` } }) },
    meta: { resourceType: "User" },
    ...more,
  };
}

export function group(name: string, members: readonly string[]): ScimResource {
  return {
    schemas: [GROUP],
    id: `id-${name}`,
    externalId: `anchor-${name}`,
    displayName: name,
    members: members.map((member) => ({ value: `id-${member}` })),
    meta: { resourceType: "Group" },
  };
}
