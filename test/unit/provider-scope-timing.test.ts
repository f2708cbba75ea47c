import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Entry } from "../../agent/core/entry.ts";
import { AgentError } from "../../agent/core/error.ts";
import type { Answer } from "../../agent/core/exchange.ts";
import type { DirectoryQuery } from "../../agent/ports.ts";
import { BASE, FakeDirectory, group, person, unit, uuid } from "../support/fake-directory.ts";
import {
  answering,
  idsOf,
  readList,
  request,
  type ScopeParts,
  search,
  serve,
} from "../support/provider.ts";

const PEOPLE = `ou=people,${BASE}`;
const ada = person(`uid=ada,${PEOPLE}`, uuid(1));
const bob = person(`uid=bob,${BASE}`, uuid(2));
const inner = group(`cn=inner,${BASE}`, uuid(11), [ada.dn]);
const outer = group(`cn=outer,${BASE}`, uuid(12), [inner.dn]);
const tree = [unit(PEOPLE, uuid(21)), ada, bob, inner, outer];

/** A directory whose answers wait at a gate each until the test opens it. */
class GatedDirectory extends FakeDirectory {
  readonly events: string[] = [];
  readonly #gates = new Map<string, { readonly opened: Promise<void>; open(): void }>();

  gate(name: "scope" | "search"): void {
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gates.set(name, { opened, open });
  }

  open(name: "scope" | "search"): void {
    this.#gates.get(name)?.open();
  }

  async #pass(name: string, signal: AbortSignal): Promise<void> {
    this.events.push(`${name} asked`);
    const gate = this.#gates.get(name);
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => undefined);
    if (gate !== undefined) await Promise.race([gate.opened, aborted]);
    this.events.push(`${name} answered`);
  }

  override async *search(query: DirectoryQuery, signal: AbortSignal) {
    try {
      await this.#pass("search", signal);
    } catch (error) {
      this.events.push("search abandoned");
      throw error;
    }
    return yield* super.search(query, signal);
  }

  override async read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<Entry | undefined> {
    await this.#pass("scope", signal);
    return super.read(dn, attributes, signal);
  }

  override async resolve(dns: readonly string[], signal: AbortSignal) {
    await this.#pass("scope", signal);
    return super.resolve(dns, signal);
  }
}

function asking(parts: ScopeParts) {
  const directory = new GatedDirectory(tree);
  return { directory, ask: answering(serve(directory, parts)) };
}

/** Lets everything run that can. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await turn();
}

function lookUp(ask: ReturnType<typeof asking>["ask"], signal?: AbortSignal) {
  let first: unknown;
  const list = ask(search("/Users", { filter: 'userName eq "ada"' }), signal).then(
    async (answer: Answer) => {
      if (answer.kind !== "list") throw new Error("a document");
      const next = await answer.elements.next();
      first = next;
      return next;
    },
  );
  list.catch(() => undefined);
  return { list, answered: () => first !== undefined };
}

describe("a look-up", () => {
  it.each([
    ["units", { include: [PEOPLE] }],
    ["an excluded unit", { exclude: [PEOPLE] }],
    ["a group without nesting", { groups: [{ dn: inner.dn, nested: false }] }],
  ] as const)("is on its way while %s of the scope are read", async (_, parts) => {
    const { directory, ask } = asking(parts);
    directory.gate("scope");
    directory.gate("search");
    lookUp(ask);
    await settle();
    expect([...directory.events].sort()).toEqual(["scope asked", "search asked"]);
    directory.open("search");
    directory.open("scope");
  });

  it("lets nothing out before the scope is known", async () => {
    const { directory, ask } = asking({ include: [PEOPLE] });
    directory.gate("scope");
    const { list, answered } = lookUp(ask);
    await settle();
    expect(directory.events).toContain("search answered");
    expect(answered()).toBe(false);
    directory.open("scope");
    expect(await list).toMatchObject({ done: false, value: [{ resource: { id: ada.id } }] });
  });

  it("finds nobody by id before the scope is known either", async () => {
    const { directory, ask } = asking({ include: [PEOPLE] });
    directory.gate("scope");
    let isAnswered = false;
    const reading = ask(request("GET", `/Users/${uuid(99)}`)).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await settle();
    expect(isAnswered).toBe(false);
    directory.open("scope");
    expect(await reading).toMatchObject({ status: 404 });
  });

  it("waits until nested groups are read, which takes a search of its own", async () => {
    const { directory, ask } = asking({ groups: [{ dn: outer.dn, nested: true }] });
    directory.gate("scope");
    const { list } = lookUp(ask);
    await settle();
    expect(directory.events).toEqual(["scope asked"]);
    directory.open("scope");
    expect(await list).toMatchObject({ value: [{ resource: { id: ada.id } }] });
  });

  it("fails as the scope does, whatever the search found, and abandons it", async () => {
    const { directory, ask } = asking({ include: [PEOPLE], exclude: [`ou=renamed,${BASE}`] });
    directory.gate("search");
    const { list } = lookUp(ask);
    await expect(list).rejects.toMatchObject({
      code: "scope.missing",
      message: expect.stringMatching(`^not in the directory: ou=renamed,${BASE} `),
    });
    expect(directory.events).toContain("search abandoned");
    const found = asking({ include: [PEOPLE], exclude: [`ou=renamed,${BASE}`] });
    found.directory.gate("scope");
    const late = lookUp(found.ask);
    await settle();
    expect(found.directory.events).toContain("search answered");
    found.directory.open("scope");
    await expect(late.list).rejects.toMatchObject({ code: "scope.missing" });
  });

  it("fails as the scope does when the search fails first", async () => {
    const { directory, ask } = asking({ include: [`ou=renamed,${BASE}`] });
    directory.gate("scope");
    const { list } = lookUp(ask);
    await settle();
    directory.open("scope");
    await expect(list).rejects.toMatchObject({
      message: expect.stringMatching(`^not in the directory: ou=renamed,${BASE} `),
      hint: expect.stringContaining("the scope of directory"),
    });
  });

  it("fails as the search does when the scope is well", async () => {
    const { directory, ask } = asking({ include: [PEOPLE] });
    directory.cutAfter(0, "time limit");
    await expect(lookUp(ask).list).rejects.toMatchObject({ code: "directory.incomplete" });
    const broken = asking({});
    broken.directory.failAfter(0, new AgentError("directory.busy", "busy"));
    await expect(lookUp(broken.ask).list).rejects.toMatchObject({ code: "directory.busy" });
  });

  it("ends both reads when it is aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("the lock was lost");
    const { directory, ask } = asking({ include: [PEOPLE] });
    directory.gate("scope");
    directory.gate("search");
    const { list } = lookUp(ask, controller.signal);
    await settle();
    controller.abort(reason);
    await expect(list).rejects.toBe(reason);
    await settle();
    expect(directory.events).toEqual(["scope asked", "search asked", "search abandoned"]);
  });
});

describe("the next request", () => {
  it("notices a unit that was renamed, and one that is back", async () => {
    const { directory, ask } = asking({ include: [PEOPLE] });
    const ids = async () => idsOf(await readList(await ask(search("/Users"))));
    expect(await ids()).toEqual([ada.id]);
    directory.remove(PEOPLE);
    await expect(ids()).rejects.toMatchObject({ code: "scope.missing" });
    expect(await ask(request("GET", `/Users/${ada.id}`))).toMatchObject({ status: 500 });
  });

  it.each([false, true])("notices who left a scope group, nested: %s", async (nested) => {
    const entries = [...tree];
    const scoped = (member: readonly string[]) => {
      const changed = group(inner.dn, inner.id, member);
      const directory = new FakeDirectory(entries.map((one) => (one === inner ? changed : one)));
      return { directory, scope: { groups: [{ dn: inner.dn, nested }] } };
    };
    const before = scoped([ada.dn, bob.dn]);
    const served = serve(before.directory, before.scope);
    let directory = before.directory;
    const swapped = new Proxy(before.directory, {
      get: (_, name) => {
        const value: unknown = Reflect.get(directory, name, directory);
        return typeof value === "function" ? value.bind(directory) : value;
      },
    });
    const ask = answering({ ...served, directory: swapped });
    const ids = async () => [...idsOf(await readList(await ask(search("/Users"))))].sort();
    expect(await ids()).toEqual([ada.id, bob.id]);
    directory = scoped([bob.dn]).directory;
    expect(await ids()).toEqual([bob.id]);
  });
});
