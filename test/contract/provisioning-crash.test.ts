import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CycleParts, runCycle } from "../../agent/provisioning/cycle.ts";
import { NEVER, ProvisioningWorld } from "../support/provisioning-world.ts";
import { group, person } from "../support/scripted-agent.ts";

/** Thrown in place of whatever a dead process would have done. */
class Death extends Error {}

/** Counts the calls of all ports, and dies at one of them: every await of a cycle is a call of a port. */
class Reaper {
  calls = 0;
  readonly names: string[] = [];
  readonly #at: number;
  readonly #after: boolean;

  constructor(at: number, after: boolean) {
    this.#at = at;
    this.#after = after;
  }

  watch<T extends object>(port: T, name: string): T {
    return new Proxy(port, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const call = ++this.calls;
          this.names.push(`${name}.${String(property)}`);
          if (call > this.#at || (call === this.#at && !this.#after)) throw new Death();
          const result: unknown = Reflect.apply(value, target, args);
          if (call !== this.#at || !(result instanceof Promise)) return result;
          return result.then(() => Promise.reject(new Death()));
        };
      },
    });
  }
}

let world: ProvisioningWorld;

beforeEach(async () => {
  world = await ProvisioningWorld.open();
});

afterEach(() => world.close());

/** A directory before and after it has drifted. */
function drift(): void {
  const { agent } = world;
  agent.change("id-ada", { displayName: "countess", userName: "countess@example.com" });
  agent.change("id-bob", { active: false });
  agent.remove("id-cyd");
  agent.put(
    person("eve", { manager: "ada" }),
    group("staff", ["ada", "eve"]),
    group("new", ["eve"]),
  );
}

async function prepare(): Promise<void> {
  world.agent.put(
    person("ada"),
    person("bob", { manager: "ada" }),
    person("cyd", { manager: "dan" }),
    group("staff", ["ada", "bob", "cyd"]),
  );
  await world.cycle();
  drift();
}

const END = {
  people: {
    countess: "active",
    bob: "disabled, countess",
    cyd: "disabled",
    eve: "active, countess",
  },
  groups: { staff: "countess eve", new: "eve" },
};

function endState() {
  return { people: world.people(), groups: world.groups() };
}

async function dyingCycle(reaper: Reaper): Promise<void> {
  const parts = world.parts();
  const store = await world.jobStore();
  world.folder.clock.advance(120_000);
  await store.renew();
  const watched: CycleParts = {
    ...parts,
    requester: reaper.watch(parts.requester, "requester"),
    target: reaper.watch(parts.target, "target"),
    store: reaper.watch(store, "store"),
  };
  await runCycle(watched, { initiatedBy: "system" }, NEVER);
}

describe("a service that dies in the middle of a cycle", () => {
  it("comes to the same end when it is started again, whatever it died at", {
    timeout: 240_000,
  }, async () => {
    await prepare();
    const whole = new Reaper(Number.POSITIVE_INFINITY, false);
    await dyingCycle(whole);
    expect(endState()).toEqual(END);
    const seen: string[] = [];
    const wrong: string[] = [];
    for (let at = 1; at <= whole.calls; at++) {
      for (const after of [false, true]) {
        await world.close();
        world = await ProvisioningWorld.open();
        await prepare();
        const before = (await (await world.jobStore()).state()).watermark;
        const reaper = new Reaper(at, after);
        const died = await dyingCycle(reaper).then(
          () => false,
          (error: unknown) => error instanceof Death,
        );
        await world.reopen();
        const { watermark } = await (await world.jobStore()).state();
        const name = `${at} ${reaper.names[at - 1]} ${after ? "after" : "before"}`;
        const isAhead = watermark !== before && JSON.stringify(endState()) !== JSON.stringify(END);
        await world.cycle();
        await world.cycle();
        seen.push(name);
        if (isAhead) wrong.push(`${name}: the watermark is ahead`);
        if (JSON.stringify(sorted(endState())) !== JSON.stringify(sorted(END))) {
          wrong.push(`${name}: ${JSON.stringify(endState())}`);
        }
        if (!died && after === false) wrong.push(`${name}: it did not die`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen.length).toBe(whole.calls * 2);
    expect(seen.length).toBeGreaterThan(60);
  });
});

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, sorted(one)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
