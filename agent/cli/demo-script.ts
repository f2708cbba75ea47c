import { randomUUID } from "node:crypto";
import { dnKey, isUnder } from "../core/dn.ts";
import { replyElements } from "../core/reply-elements.ts";
import type { OutgoingRequest, Reply, Requester } from "../ports.ts";
import { createCompany } from "../sim/company/company.ts";
import { LANDMARKS } from "../sim/company/landmark.ts";
import { writeLine } from "./output.ts";

const SEARCH_REQUEST = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
const DELTA_REQUEST = "urn:ietf:params:scim:api:messages:2.0:delta:request";
const TIMEOUT_MS = 60_000;
/** People of the listing that are printed. */
const SAMPLES = 3;

interface Person {
  readonly id: string;
  readonly userName: string;
  readonly inScope: boolean;
}

type Request = Pick<OutgoingRequest, "method" | "path"> &
  Partial<Pick<OutgoingRequest, "body" | "stream">>;

/** The requests of the demo, with what the answers must say: worked out from the company, not from the agent. */
export class DemoScript {
  readonly #requester: Requester;
  readonly #people: readonly Person[];
  readonly #failures: string[] = [];

  constructor(options: { readonly requester: Requester; readonly people: number }) {
    this.#requester = options.requester;
    this.#people = [...peopleOf(options.people)];
  }

  /** @returns how many answers were not as they must be */
  async play(): Promise<number> {
    await this.#listEverything();
    // The first ones are at the head of the company and have no manager.
    const insider = this.#people.findLast(({ inScope }) => inScope);
    const outsider = this.#people.find(({ inScope }) => !inScope);
    if (insider !== undefined) await this.#lookUp(insider);
    if (outsider !== undefined) await this.#lookUpOutsider(outsider);
    await this.#readHealth();
    const verdict = this.#failures.length === 0 ? "all answers are right" : "NOT as expected:";
    await writeLine(["", verdict, ...this.#failures].join("\n"));
    return this.#failures.length;
  }

  async #listEverything(): Promise<void> {
    const request = {
      method: "POST",
      path: "/.delta",
      body: { schemas: [DELTA_REQUEST] },
      stream: true,
    };
    const { reply, ms } = await this.#ask(request, "everything in scope");
    const counts: Record<string, number> = { User: 0, Group: 0 };
    const ids = new Set<string>();
    const samples: unknown[] = [];
    for await (const element of replyElements(reply.documents())) {
      const change = element as { resourceType: string; changedResourceId: string; data?: unknown };
      counts[change.resourceType] = (counts[change.resourceType] ?? 0) + 1;
      ids.add(change.changedResourceId);
      if (change.resourceType === "User" && samples.length < SAMPLES) samples.push(change.data);
    }
    await writeLine(
      `<- ${reply.status}, ${reply.parts} parts in ${ms} ms: ${counts["User"]} users, ${counts["Group"]} groups`,
    );
    for (const sample of samples) await writeLine(`   ${JSON.stringify(sample)}`);
    const expected = this.#people.filter(({ inScope }) => inScope);
    this.#expect(reply.status === 200, "the listing ends with status 200");
    this.#expect(counts["User"] === expected.length, `the listing has ${expected.length} users`);
    this.#expect(
      expected.every(({ id }) => ids.has(id)),
      "the listing has everybody who is in scope",
    );
    await reply.release();
  }

  async #lookUp({ id, userName }: Person): Promise<void> {
    const filter = `userName eq ${JSON.stringify(userName)}`;
    const request = {
      method: "POST",
      path: "/Users/.search",
      body: { schemas: [SEARCH_REQUEST], filter },
    };
    const { reply, ms } = await this.#ask(request, filter);
    const found: { id?: string }[] = [];
    for await (const element of replyElements(reply.documents()))
      found.push(element as { id?: string });
    await writeLine(`<- ${reply.status} in ${ms} ms: ${found.length} found`);
    for (const resource of found)
      await writeLine(JSON.stringify(resource, undefined, 2).replace(/^/gm, "   "));
    this.#expect(found.length === 1 && found[0]?.id === id, `${userName} is found by userName`);
  }

  async #lookUpOutsider({ id, userName }: Person): Promise<void> {
    const { reply, ms } = await this.#ask(
      { method: "GET", path: `/Users/${id}` },
      `${userName}, who is out of scope`,
    );
    for await (const document of reply.documents()) {
      await writeLine(`<- ${reply.status} in ${ms} ms: ${JSON.stringify(document)}`);
    }
    this.#expect(reply.status === 404, `${userName}, who is out of scope, is not found`);
  }

  async #readHealth(): Promise<void> {
    const { reply, ms } = await this.#ask(
      { method: "GET", path: "/agent/health" },
      "how the agent is",
    );
    for await (const document of reply.documents()) {
      await writeLine(`<- ${reply.status} in ${ms} ms: ${JSON.stringify(document)}`);
      this.#expect(document["status"] === "ok", "the agent is healthy");
    }
  }

  async #ask(
    request: Request,
    what: string,
  ): Promise<{ readonly reply: Reply; readonly ms: number }> {
    await writeLine(`\n-> ${request.method} ${request.path}   (${what})`);
    const startedAt = performance.now();
    const reply = await this.#requester.request(
      { stream: false, ...request, correlationId: randomUUID(), timeoutMs: TIMEOUT_MS },
      {},
      AbortSignal.timeout(TIMEOUT_MS),
    );
    return { reply, ms: Math.round(performance.now() - startedAt) };
  }

  #expect(holds: boolean, sentence: string): void {
    if (!holds) this.#failures.push(`  not so: ${sentence}`);
  }
}

/** Who is in the company, and whether `config/demo.yaml` puts them in scope. */
function* peopleOf(count: number): Generator<Person> {
  const included = dnKey(LANDMARKS.people);
  const excluded = dnKey(LANDMARKS.legal);
  for (const { dn, attributes } of createCompany({ people: count })) {
    const [id = ""] = attributes["entryUUID"] ?? [];
    const [userName] = attributes["uid"] ?? [];
    const isPerson = attributes["objectClass"]?.includes("inetOrgPerson") === true;
    if (!isPerson || userName === undefined) continue;
    const key = dnKey(dn);
    yield { id, userName, inScope: isUnder(key, included) && !isUnder(key, excluded) };
  }
}
