import { describe, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import {
  type Fault,
  type FaultAction,
  type FaultEvent,
  type FaultPoint,
  type Moment,
  POSSIBLE,
} from "../../agent/sim/broker/fault.ts";
import { FaultGate, type Step } from "../../agent/sim/broker/fault-gate.ts";
import { FaultPlan } from "../../agent/sim/broker/fault-plan.ts";

const KILL: FaultAction = { kind: "kill" };
const DROP: FaultAction = { kind: "drop" };

const moment = (changes: Partial<Moment> = {}): Moment => ({
  event: "transferIn",
  connection: 1,
  queue: "q",
  role: "sender",
  ...changes,
});

/** Which of so many equal moments are struck, counted from 1. */
function struck(plan: FaultPlan, count: number, at: Moment = moment()): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return numbers.filter(() => plan.decide(at) !== undefined);
}

describe("an armed fault", () => {
  it.each<[string, Pick<Fault, "times"> & { nth?: number }, number[]]>([
    ["nothing said", {}, [1]],
    ["the third", { nth: 3 }, [3]],
    ["two of them", { times: 2 }, [1, 2]],
    ["two from the second on", { nth: 2, times: 2 }, [2, 3]],
    ["all from the fourth on", { nth: 4, times: "always" }, [4, 5]],
  ])("with %s strikes when it should", (_name, { nth, times }, expected) => {
    const plan = new FaultPlan();
    const at = { event: "transferIn", ...(nth === undefined ? {} : { nth }) } as const;
    plan.arm({ at, action: KILL, ...(times === undefined ? {} : { times }) });
    expect(struck(plan, 5)).toEqual(expected);
    expect(plan.armed).toBe(times === "always");
  });

  it("that reorders strikes a whole window", () => {
    const plan = new FaultPlan();
    plan.arm({ at: { event: "transferIn" }, action: { kind: "reorder", window: 3 } });
    expect(struck(plan, 5)).toEqual([1, 2, 3]);
  });

  it.each<[string, FaultPoint, Moment, boolean]>([
    ["another event", { event: "outcomeOut" }, moment(), false],
    ["a queue in other letters", { event: "transferIn", queue: "Q" }, moment(), true],
    ["another queue", { event: "transferIn", queue: "q2" }, moment(), false],
    ["another role", { event: "transferIn", role: "receiver" }, moment(), false],
    ["its connection", { event: "transferIn", connection: 1 }, moment(), true],
    ["another connection", { event: "transferIn", connection: 2 }, moment(), false],
    ["an operation where there is none", { event: "transferIn", operation: "x" }, moment(), false],
    [
      "an operation by its short name",
      { event: "management", operation: "renew-lock" },
      moment({ event: "management", operation: "com.microsoft:renew-lock" }),
      true,
    ],
    [
      "another operation",
      { event: "management", operation: "com.microsoft:peek-message" },
      moment({ event: "management", operation: "com.microsoft:renew-lock" }),
      false,
    ],
  ])("aimed at %s", (_name, at, came, expected) => {
    const plan = new FaultPlan();
    plan.arm({ at, action: KILL });
    expect(plan.decide(came)).toEqual(expected ? KILL : undefined);
  });

  it("of several the oldest wins, and the others count the moment too", () => {
    const plan = new FaultPlan();
    const first = plan.arm({ at: { event: "transferIn", nth: 2 }, action: KILL });
    const second = plan.arm({ at: { event: "transferIn", nth: 2, queue: "q" }, action: DROP });
    const third = plan.arm({ at: { event: "transferIn", nth: 3 }, action: DROP });
    expect([1, 2, 3, 4].map(() => plan.decide(moment()))).toEqual([
      undefined,
      KILL,
      DROP,
      undefined,
    ]);
    expect([first.hits, second.hits, third.hits, plan.armed]).toEqual([1, 0, 1, false]);
  });

  it("tells when it has struck, and not after it is disarmed", async () => {
    const plan = new FaultPlan();
    const fault = plan.arm({ at: { event: "transferIn" }, action: KILL, times: 3 });
    const twice = fault.hit(2);
    plan.decide(moment());
    await fault.hit();
    plan.decide(moment());
    await twice;
    fault.disarm();
    expect([plan.decide(moment()), fault.hits, plan.armed]).toEqual([undefined, 2, false]);
  });

  it("is counted by where and what", () => {
    const plan = new FaultPlan();
    plan.arm({ at: { event: "transferIn" }, action: KILL, times: 2 });
    plan.arm({ at: { event: "delivery" }, action: DROP, times: "always" });
    for (const event of ["transferIn", "delivery", "transferIn"] as const) {
      plan.decide(moment({ event }));
    }
    plan.clear();
    expect(plan.decide(moment({ event: "delivery" }))).toBeUndefined();
    expect(plan.counts()).toEqual([
      { event: "transferIn", action: "kill", hits: 2 },
      { event: "delivery", action: "drop", hits: 1 },
    ]);
  });
});

describe("a fault that makes no sense", () => {
  const at = (event: string): FaultPoint => ({ event: event as FaultEvent });

  it.each<[string, Fault]>([
    ["there is no event 'lunch'", { at: at("lunch"), action: KILL }],
    ["there is no event 'toString'", { at: at("toString"), action: KILL }],
    ["'drop' is not possible at 'connect'", { at: at("connect"), action: DROP }],
    [
      "'duplicate' is not possible at 'delivery'",
      { at: at("delivery"), action: { kind: "duplicate" } },
    ],
    [
      "nth has to be a whole number from 1 to 9007199254740991",
      { at: { event: "open", nth: 0 }, action: KILL },
    ],
    [
      "times has to be a whole number from 1 to 9007199254740991",
      { at: at("open"), action: KILL, times: 1.5 },
    ],
    ["ms has to be from 0 to 3600000", { at: at("open"), action: { kind: "delay", ms: -1 } }],
    [
      "window has to be a whole number from 1 to 1000",
      { at: at("delivery"), action: { kind: "reorder", window: 1_001 } },
    ],
  ])("is refused: %s", (problem, fault) => {
    expect(() => new FaultPlan().arm(fault)).toThrow(
      new AgentError("usage", `the fault cannot be armed: ${problem}`),
    );
  });

  it("is refused at random too, and there are never more than a thousand", () => {
    const plan = new FaultPlan();
    const options = { seed: 1, rate: 0.5, actions: [KILL], points: [at("open")] };
    for (const wrong of [{ rate: 2 }, { limit: 0 }, { actions: [{ kind: "loseLock" } as const] }]) {
      expect(() => plan.random({ ...options, ...wrong })).toThrow(AgentError);
    }
    expect(() => plan.random({ ...options, points: [{ event: "open", nth: 2 }] })).toThrow(
      AgentError,
    );
    for (let count = 0; count < 1_000; count++) plan.arm({ at: at("open"), action: KILL });
    expect(() => plan.arm({ at: at("open"), action: KILL })).toThrow(AgentError);
  });
});

describe("random faults", () => {
  const actions: FaultAction[] = [KILL, DROP, { kind: "loseLock" }];
  const points: FaultPoint[] = [{ event: "transferIn" }, { event: "delivered" }];

  function run(seed: number, limit = 1_000): (string | undefined)[] {
    const plan = new FaultPlan();
    plan.random({ seed, rate: 0.25, actions, points, limit });
    return Array.from(
      { length: 400 },
      (_, index) =>
        plan.decide(moment({ event: index % 2 === 0 ? "transferIn" : "delivered" }))?.kind,
    );
  }

  it("are the same for the same seed, others for another, and about as many as asked for", () => {
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
    const hits = run(1).filter((kind) => kind !== undefined).length;
    expect(hits).toBeGreaterThan(70);
    expect(hits).toBeLessThan(130);
  });

  it("strike only where they are possible, and not beyond their limit", () => {
    const kinds = run(3);
    const at = (odd: number): Set<unknown> =>
      new Set(kinds.filter((_, index) => index % 2 === odd));
    expect(at(0)).toEqual(new Set([undefined, "kill", "drop"]));
    expect(at(1)).toEqual(new Set([undefined, "kill", "loseLock"]));
    expect(run(3, 5).filter((kind) => kind !== undefined)).toHaveLength(5);
  });
});

/** A gate, and what it did to its connection. */
function gateWith(...faults: Fault[]): {
  gate: FaultGate;
  did: string[];
  step: (name: string) => Step;
} {
  const plan = new FaultPlan();
  for (const fault of faults) plan.arm(fault);
  const did: string[] = [];
  const gate = new FaultGate({
    plan,
    connection: 1,
    wire: {
      cut: () => {
        did.push("cut");
        gate.shut();
      },
      cutAll: () => did.push("cut all"),
      freeze: () => did.push("freeze"),
      thaw: () => did.push("thaw"),
      guard: (work) => work(),
    },
  });
  const step = (name: string): Step => ({
    go: () => did.push(name),
    refuse: ({ condition }) => did.push(`${name} refused: ${condition}`),
    detach: ({ condition }) => did.push(`${name} detached: ${condition}`),
    skip: () => did.push(`${name} skipped`),
    twice: () => did.push(`${name} twice`),
    loseLock: () => did.push(`${name} without its lock`),
  });
  return { gate, did, step };
}

describe("a gate", () => {
  const AT: FaultPoint = { event: "transferIn" };

  it.each<[FaultEvent, FaultAction, string[]]>([
    ["transferIn", KILL, ["cut"]],
    ["transferIn", { kind: "killAll" }, ["cut all", "b"]],
    ["transferIn", DROP, ["a skipped", "b"]],
    ["transferIn", { kind: "serverBusy" }, ["a refused: com.microsoft:server-busy", "b"]],
    ["transferIn", { kind: "refuse", condition: "x" }, ["a refused: x", "b"]],
    [
      "transferIn",
      { kind: "detachForced" },
      ["a skipped", "a detached: amqp:link:detach-forced", "b"],
    ],
    ["transferIn", { kind: "duplicate" }, ["a twice", "b"]],
    ["delivered", { kind: "loseLock" }, ["a without its lock", "b"]],
    ["transferIn", { kind: "freeze" }, ["freeze"]],
    ["transferIn", { kind: "delay", ms: 1_000 }, ["b"]],
  ])("at %s with %j", (event, action, expected) => {
    const { gate, did, step } = gateWith({ at: { event }, action });
    for (const name of ["a", "b"]) gate.pass({ event }, step(name));
    expect(did).toEqual(expected);
    gate.shut();
  });

  it("that is thawed does what was held, in order, and may freeze again", () => {
    const freeze: FaultAction = { kind: "freeze" };
    const { gate, did, step } = gateWith(
      { at: AT, action: freeze },
      { at: { ...AT, nth: 3 }, action: freeze },
    );
    for (const name of ["a", "b", "c", "d"]) gate.pass({ event: "transferIn" }, step(name));
    expect([did, gate.quiet]).toEqual([["freeze"], false]);
    gate.thaw();
    expect(did).toEqual(["freeze", "a", "b", "freeze"]);
    expect([gate.thaw(), gate.thaw()]).toEqual([true, false]);
    expect(did.slice(4)).toEqual(["c", "d", "thaw"]);
    expect(gate.quiet).toBe(true);
  });

  it("that is shut does nothing that was put off", async () => {
    const { gate, did, step } = gateWith(
      { at: AT, action: { kind: "delay", ms: 1 } },
      { at: { ...AT, nth: 2 }, action: { kind: "reorder", window: 2 } },
    );
    for (const name of ["a", "b"]) gate.pass({ event: "transferIn" }, step(name));
    gate.shut();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(did).toEqual([]);
  });

  it("turns each lane round for itself", () => {
    const { gate, did, step } = gateWith({
      at: AT,
      action: { kind: "reorder", window: 2 },
      times: "always",
    });
    for (const [name, queue] of [
      ["a", "x"],
      ["b", "y"],
      ["c", "x"],
      ["d", "y"],
    ] as const) {
      gate.pass({ event: "transferIn", queue }, step(name));
    }
    expect(did).toEqual(["c", "a", "d", "b"]);
    gate.shut();
  });

  it("can be cut at every moment", () => {
    for (const possible of Object.values(POSSIBLE)) {
      expect(possible).toEqual(expect.arrayContaining(["kill", "killAll", "freeze"]));
    }
  });
});
