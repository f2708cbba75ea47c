import { AgentError } from "../../core/error.ts";
import type { ScimResource } from "../../core/scim/resource.ts";
import { ENTERPRISE_USER_SCHEMA, GROUP_SCHEMA, USER_SCHEMA } from "../../core/scim/urn.ts";
import type { Target } from "../../ports.ts";
import type { CheckExchange } from "./exchange.ts";

type Json = Readonly<Record<string, unknown>>;

/** What Entra would make of a finding. */
export type CheckMeaning =
  | "the job is quarantined at once"
  | "the entry fails and is tried again"
  | "a second account is created"
  | "changes are lost in silence"
  | "who left keeps an account";

/** One thing that was tried. */
export interface CheckStep {
  readonly name: string;
  readonly verdict: "passed" | "failed";
  /** What was found. */
  readonly detail: string;
  readonly meaning: CheckMeaning | undefined;
  readonly exchanges: readonly CheckExchange[];
}

export interface CheckOptions {
  /** Begins every name, so that what is left behind is recognised. */
  readonly prefix: string;
  /** The exchanges since it was asked last. */
  readonly exchanges: () => readonly CheckExchange[];
  readonly onStep?: (step: CheckStep) => void;
}

/** What is wrong, and what it leads to. */
interface Finding {
  readonly detail: string;
  readonly meaning: CheckMeaning;
}

interface Person {
  readonly id: string;
  readonly attributes: Json;
}

/**
 * Plays the life of people and groups at a target as Microsoft Entra's provisioning service does (entra.md section 6), and says
 * what it would make of each answer. A finding stops nothing but what cannot follow. What was made is deleted at the end.
 * @throws AgentError as the target's, when nothing can be tried at all; the signal's reason
 */
export async function checkTarget(
  target: Target,
  options: CheckOptions,
  signal: AbortSignal,
): Promise<readonly CheckStep[]> {
  const play = new Play(target, options, signal);
  try {
    await play.people();
    await play.groups();
  } finally {
    await play.clear();
  }
  return play.steps;
}

class Play {
  readonly steps: CheckStep[] = [];
  readonly #target: Target;
  readonly #options: CheckOptions;
  readonly #signal: AbortSignal;
  readonly #made: { readonly type: "User" | "Group"; readonly id: string }[] = [];
  #users: readonly Person[] = [];

  constructor(target: Target, options: CheckOptions, signal: AbortSignal) {
    this.#target = target;
    this.#options = options;
    this.#signal = signal;
  }

  async people(): Promise<void> {
    const target = this.#target;
    const signal = this.#signal;
    await this.#step("test connection: a look-up that finds nobody", async () => {
      await target.test(signal);
      return undefined;
    });
    const ada = await this.#create("ada");
    const bob = await this.#create("bob");
    this.#users = [ada, bob].filter((person) => person !== undefined);
    if (ada === undefined) return;
    await this.#step("create the same user again is refused as not unique", async () => {
      const again = await target.create("User", ada.attributes, signal);
      if (again.kind === "created") {
        this.#made.push({ type: "User", id: again.id });
        return finding("it was created twice", "a second account is created");
      }
      const isConflict = again.kind === "refused" && again.status === 409;
      if (isConflict) return undefined;
      return finding(
        "it was refused with another status than 409",
        "the entry fails and is tried again",
      );
    });
    const userName = String(ada.attributes["userName"]);
    await this.#expectFound("match by userName", { path: "userName", value: userName, id: ada.id });
    const upper = userName.toUpperCase();
    await this.#expectFound("match by userName in another letter case", {
      ...{ path: "userName", value: upper, id: ada.id },
    });
    const externalId = String(ada.attributes["externalId"]);
    await this.#expectFound("match by externalId", {
      path: "externalId",
      value: externalId,
      id: ada.id,
    });
    const renamed = {
      ...ada.attributes,
      ...{ displayName: `${this.#options.prefix} countess`, title: "Countess" },
      name: { givenName: "Augusta", familyName: "King" },
      emails: [{ type: "work", value: `${this.#options.prefix}-countess@example.com` }],
    };
    await this.#expectUpdated("update several attributes", ada, {
      from: ada.attributes,
      to: renamed,
    });
    const moved = { ...renamed, userName: `${this.#options.prefix}-countess@example.com` };
    await this.#expectUpdated("rename", ada, { from: renamed, to: moved });
    if (bob !== undefined) await this.#manager(ada, bob);
    await this.#disable({ ...ada, attributes: moved });
    await this.#paging();
  }

  async #manager(ada: Person, bob: Person): Promise<void> {
    const before = { schemas: [USER_SCHEMA] };
    const after = {
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      [ENTERPRISE_USER_SCHEMA]: { manager: { value: bob.id } },
    };
    const holds = async (wanted: boolean) => {
      const reference = { attribute: "manager", id: bob.id } as const;
      const answer = await this.#target.hasReference("User", ada.id, reference, this.#signal);
      if (answer.kind === "refused") return refused(answer.status);
      if (answer.holds === wanted) return undefined;
      return finding(
        `the target answers 2xx, and the manager is ${wanted ? "not " : "still "}there`,
        "changes are lost in silence",
      );
    };
    const change = async (from: Json, to: Json) => {
      const outcome = await this.#target.update(
        "User",
        ada.id,
        { before: from, after: to },
        this.#signal,
      );
      if (outcome.kind === "updated") return undefined;
      return refused(outcome.kind === "gone" ? 404 : outcome.status);
    };
    await this.#step("set the manager", async () => (await change(before, after)) ?? holds(true));
    await this.#step(
      "clear the manager",
      async () => (await change(after, before)) ?? holds(false),
    );
  }

  async #disable(ada: Person): Promise<void> {
    const { id, attributes } = ada;
    for (const active of [false, true]) {
      await this.#step(active ? "restore" : "disable (soft delete)", async () => {
        const outcome = await this.#target.setActive(id, active, this.#signal);
        if (outcome.kind === "gone") return refused(404);
        if (outcome.kind === "refused") return refused(outcome.status);
        const read = await this.#target.read("User", id, this.#signal);
        if (read.kind !== "found") {
          return finding("the user cannot be read any more", "a second account is created");
        }
        if (read.resource["active"] === active) return undefined;
        const meaning = active ? "changes are lost in silence" : "who left keeps an account";
        return finding(`active is ${String(read.resource["active"])}`, meaning);
      });
      if (active) continue;
      const value = String(attributes["userName"]);
      await this.#expectFound("match a user who is disabled", { path: "userName", value, id });
    }
  }

  async #paging(): Promise<void> {
    await this.#step("read all users in pages", async () => {
      const seen = new Set<string>();
      const pages = this.#target.all("User", this.#signal);
      let page = await pages.next();
      for (let read = 1; page.done !== true; page = await pages.next()) {
        for (const { id } of page.value) seen.add(id);
        if (++read > MAX_PAGES) {
          await pages.return({ whole: true, resources: seen.size, pages: MAX_PAGES });
          return undefined;
        }
      }
      if (!page.value.whole)
        return finding(page.value.detail, "the entry fails and is tried again");
      const missing = this.#users.filter(({ id }) => !seen.has(id)).length;
      if (missing === 0) return undefined;
      return finding(
        `${missing} users that were created are not listed`,
        "a second account is created",
      );
    });
  }

  async groups(): Promise<void> {
    const { prefix } = this.#options;
    const target = this.#target;
    const attributes = {
      schemas: [GROUP_SCHEMA],
      ...{ displayName: `${prefix} staff`, externalId: `${prefix}-staff` },
    };
    let id = "";
    await this.#step("create a group without members", async () => {
      const created = await target.create("Group", attributes, this.#signal);
      if (created.kind !== "created")
        return refused(created.kind === "refused" ? created.status : undefined);
      id = created.id;
      this.#made.push({ type: "Group", id });
      return undefined;
    });
    if (id === "") return;
    await this.#step("match a group by displayName, without its members", async () => {
      const lookup = { path: "displayName", value: attributes.displayName };
      const found = await target.find("Group", lookup, this.#signal);
      if (found.kind === "refused") return refused(found.status);
      if (found.resources.length === 1 && found.resources[0]?.id === id) return undefined;
      return finding(`${found.resources.length} groups were found`, "a second account is created");
    });
    const members = this.#users.map((user) => user.id);
    await this.#members("add members", id, { add: members, remove: [] });
    await this.#step("excludedAttributes=members is followed", async () => {
      const read = await target.read("Group", id, this.#signal);
      if (read.kind !== "found") return refused(read.kind === "refused" ? read.status : 404);
      if (!("members" in read.resource)) return undefined;
      return finding(
        "members came although they were excluded",
        "the entry fails and is tried again",
      );
    });
    await this.#members("add a member that is there already", id, { add: members, remove: [] });
    await this.#members("remove a member", id, { add: [], remove: members.slice(0, 1) });
    await this.#step("rename a group", async () => {
      const after = { ...attributes, displayName: `${prefix} crew` };
      const outcome = await target.update("Group", id, { before: attributes, after }, this.#signal);
      if (outcome.kind !== "updated")
        return refused(outcome.kind === "refused" ? outcome.status : 404);
      const read = await target.read("Group", id, this.#signal);
      if (read.kind === "found" && read.resource["displayName"] === after.displayName)
        return undefined;
      return finding("it has its old name still", "changes are lost in silence");
    });
  }

  async #members(
    name: string,
    id: string,
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
  ): Promise<void> {
    await this.#step(name, async () => {
      const outcome = await this.#target.changeMembers(id, change, this.#signal);
      if (outcome.kind === "gone") return refused(404);
      const [problem] = outcome.refused;
      if (problem !== undefined) return refused(problem.refusal.status);
      for (const member of [...change.add, ...change.remove]) {
        const reference = { attribute: "members", id: member } as const;
        const answer = await this.#target.hasReference("Group", id, reference, this.#signal);
        if (answer.kind === "refused") return refused(answer.status);
        if (answer.holds !== change.add.includes(member)) {
          const detail = `the target answers 2xx, and the member is ${answer.holds ? "still" : "not"} there`;
          return finding(detail, "changes are lost in silence");
        }
      }
      return undefined;
    });
  }

  /** Deletes what was made, which is the last thing to be tried. Goes on after an interruption. */
  async clear(): Promise<void> {
    const signal = AbortSignal.timeout(CLEAR_MS);
    for (const { type, id } of this.#made.splice(0).reverse()) {
      const name = `delete a ${type === "User" ? "user" : "group"}`;
      await this.#step(name, async () => {
        const outcome = await this.#target.delete(type, id, signal);
        if (outcome.kind === "refused") return refused(outcome.status);
        const read = await this.#target.read(type, id, signal);
        if (read.kind === "gone") return undefined;
        return finding("it can be read after it was deleted", "who left keeps an account");
      });
    }
  }

  async #create(name: string): Promise<Person | undefined> {
    const { prefix } = this.#options;
    const userName = `${prefix}-${name}@example.com`;
    const attributes: Json = {
      schemas: [USER_SCHEMA, ENTERPRISE_USER_SCHEMA],
      ...{ userName, externalId: `${prefix}-${name}`, displayName: `${prefix} ${name}` },
      ...{
        active: true,
        title: "Checker",
        emails: [{ type: "work", value: userName, primary: true }],
      },
      name: { givenName: name, familyName: prefix },
      [ENTERPRISE_USER_SCHEMA]: { department: "Checks" },
    };
    let person: Person | undefined;
    await this.#step(`create a user (${name})`, async () => {
      const lookup = { path: "userName", value: userName };
      const before = await this.#target.find("User", lookup, this.#signal);
      if (before.kind === "refused") return refused(before.status);
      if (before.resources.length > 0) {
        const detail = "a look-up finds somebody who cannot be there: the filter is not followed";
        return finding(detail, "the entry fails and is tried again");
      }
      const created = await this.#target.create("User", attributes, this.#signal);
      if (created.kind !== "created") {
        return refused(created.kind === "refused" ? created.status : undefined);
      }
      person = { id: created.id, attributes };
      this.#made.push({ type: "User", id: created.id });
      if (created.resource === undefined) {
        const detail = "the answer to the creation has no user with an id";
        return finding(detail, "the entry fails and is tried again");
      }
      return this.#kept(person, attributes);
    });
    return person;
  }

  /** Whether the target has what it was sent. */
  async #kept({ id }: Person, wanted: Json): Promise<Finding | undefined> {
    const read = await this.#target.read("User", id, this.#signal);
    if (read.kind !== "found") return refused(read.kind === "refused" ? read.status : 404);
    const lost = lostIn(read.resource, wanted);
    if (lost.length === 0) return undefined;
    return finding(`not kept as it was sent: ${lost.join(", ")}`, "changes are lost in silence");
  }

  async #expectUpdated(
    name: string,
    person: Person,
    { from, to }: { readonly from: Json; readonly to: Json },
  ): Promise<void> {
    await this.#step(name, async () => {
      const change = { before: from, after: to };
      const outcome = await this.#target.update("User", person.id, change, this.#signal);
      if (outcome.kind !== "updated")
        return refused(outcome.kind === "refused" ? outcome.status : 404);
      return this.#kept(person, to);
    });
  }

  async #expectFound(
    name: string,
    { path, value, id }: { readonly path: string; readonly value: string; readonly id: string },
  ): Promise<void> {
    await this.#step(name, async () => {
      const found = await this.#target.find("User", { path, value }, this.#signal);
      if (found.kind === "refused") return refused(found.status);
      const ids = found.resources.map((resource) => resource.id);
      if (ids.length === 1 && ids[0] === id) return undefined;
      return finding(`${ids.length} users were found`, "a second account is created");
    });
  }

  async #step(name: string, work: () => Promise<Finding | undefined>): Promise<void> {
    let found: Finding | undefined;
    try {
      found = await work();
    } catch (error) {
      if (!(error instanceof AgentError) || this.#signal.aborted) throw error;
      found = finding(error.message, "the job is quarantined at once");
    }
    const step: CheckStep = {
      name,
      verdict: found === undefined ? "passed" : "failed",
      detail: found?.detail ?? "",
      meaning: found?.meaning,
      exchanges: this.#options.exchanges(),
    };
    this.steps.push(step);
    this.#options.onStep?.(step);
  }
}

/** Of a listing: pages with one user each tell soon whether they differ. */
const MAX_PAGES = 20;
const CLEAR_MS = 60_000;

function finding(detail: string, meaning: CheckMeaning): Finding {
  return { detail, meaning };
}

function refused(status: number | undefined): Finding {
  const detail = status === undefined ? "no answer came" : `the target answered ${status}`;
  return finding(detail, "the entry fails and is tried again");
}

/** Paths of simple values that the resource does not have as they were sent. */
function lostIn(resource: ScimResource, wanted: Json): readonly string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    if (name === "schemas") return [];
    const kept = resource[name];
    if (Array.isArray(value)) {
      const first = (value as readonly Json[])[0]?.["value"];
      const values = Array.isArray(kept) ? kept.map((one: Json) => one["value"]) : [];
      return values.includes(first) ? [] : [name];
    }
    if (typeof value !== "object" || value === null) return kept === value ? [] : [name];
    return Object.entries(value).flatMap(([member, inner]) =>
      (kept as Json | undefined)?.[member] === inner ? [] : [`${name}.${member}`],
    );
  });
}
