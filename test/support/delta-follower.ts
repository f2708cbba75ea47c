import type { RequestHandler } from "../../agent/core/exchange.ts";
import type { ScimResource } from "../../agent/core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA } from "../../agent/core/scim/urn.ts";
import { readList, request } from "./provider.ts";

interface Reference {
  readonly value: string;
}

const TIMEOUT_MS = 30_000;

/** A requester that keeps what it was told, as the provisioning service does (DESIGN section 4). */
export class DeltaFollower {
  readonly #handle: RequestHandler;
  /** What it holds, by id. */
  readonly held = new Map<string, ScimResource>();
  /** Why it was told that somebody is gone, by id. */
  readonly reasons = new Map<string, string | undefined>();
  readonly #types = new Map<string, string>();
  #token: string | undefined;
  /** How often it had to read everything because its token was of no use any more. */
  expired = 0;

  constructor(handle: RequestHandler) {
    this.#handle = handle;
  }

  /** @returns how many changes came with their data, how many ids it had to ask for, and what kind of listing it was */
  async follow(): Promise<{
    readonly updated: number;
    readonly asked: number;
    readonly listing: unknown;
  }> {
    const body = this.#token === undefined ? {} : { deltaToken: this.#token };
    const answer = await this.#ask("POST", "/.delta", body);
    if (answer.kind === "document" && answer.status === 410 && this.#token !== undefined) {
      this.expired++;
      this.#token = undefined;
      return this.follow();
    }
    const { elements, end } = await readList(answer);
    const isFull = end["listing"] === "full";
    const unheard = new Set(isFull ? this.held.keys() : []);
    const unknown = new Map<string, string>();
    const gone = new Set<string>();
    let updated = 0;
    for (const element of elements) {
      if (element.kind !== "change") throw new Error("no change");
      const { changedResourceId: id, resourceType = "", changeType } = element.change;
      unheard.delete(id);
      if (changeType === "delete") {
        if (this.held.delete(id)) this.reasons.set(id, element.change.reason);
        gone.add(id);
        continue;
      }
      this.#types.set(id, resourceType);
      if (element.resource === undefined) {
        if (!this.held.has(id)) unknown.set(id, resourceType);
        continue;
      }
      updated++;
      this.held.set(id, element.resource);
    }
    for (const id of unheard) unknown.set(id, this.#types.get(id) ?? "");
    for (const [id, resourceType] of unknown) await this.#askFor(id, resourceType);
    for (const id of unknown.keys()) if (!this.held.has(id)) gone.add(id);
    if (gone.size > 0) await this.#askReferrers(gone);
    this.#token = String(end["nextDeltaToken"]);
    return { updated, asked: unknown.size, listing: end["listing"] };
  }

  /** Whoever referred to one of them, told or not: no directory says that it does no more. */
  async #askReferrers(gone: ReadonlySet<string>): Promise<void> {
    for (const [id, resource] of [...this.held]) {
      const { manager } = (resource[ENTERPRISE_USER_SCHEMA] ?? {}) as { manager?: Reference };
      const members = (resource["members"] ?? []) as readonly Reference[];
      const references = manager === undefined ? members : [manager];
      if (!references.some(({ value }) => gone.has(value))) continue;
      await this.#askFor(id, this.#types.get(id) ?? "");
    }
  }

  async #askFor(id: string, resourceType: string): Promise<void> {
    const found = await this.#ask("GET", `/${resourceType}s/${id}`);
    if (found.kind === "list") throw new Error("a list");
    if (found.status === 404) this.held.delete(id);
    else if (found.status === 200) this.held.set(id, found.body as ScimResource);
    else throw new Error(`${found.status} for ${id}`);
  }

  #ask(method: string, path: string, body?: unknown) {
    return this.#handle(request(method, path, { body }), AbortSignal.timeout(TIMEOUT_MS));
  }
}
