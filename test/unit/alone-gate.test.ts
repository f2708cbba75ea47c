import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AloneGate } from "../../agent/bus/alone-gate.ts";

const NEVER = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Lets somebody in and notes it. */
function enter(gate: AloneGate, name: string, alone: boolean, inside: string[], signal = NEVER) {
  return gate.enter({ alone }, signal).then((leave) => {
    inside.push(name);
    return () => {
      inside.splice(inside.indexOf(name), 1);
      leave();
    };
  });
}

describe("AloneGate", () => {
  it("lets work run side by side", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 8 });
    await Promise.all(["a", "b", "c"].map((name) => enter(gate, name, false, inside)));
    expect(inside).toEqual(["a", "b", "c"]);
  });

  it("lets in no more than it has places for, in the order they came", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 2 });
    const a = await enter(gate, "a", false, inside);
    await enter(gate, "b", false, inside);
    const later = [enter(gate, "c", false, inside), enter(gate, "d", false, inside)];
    await settle();
    expect(inside).toEqual(["a", "b"]);
    a();
    await later[0];
    await settle();
    expect(inside).toEqual(["b", "c"]);
  });

  it("lets lonely work wait until all have left, and whoever comes after it wait for it", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 8 });
    const a = await enter(gate, "a", false, inside);
    const b = await enter(gate, "b", false, inside);
    const alone = enter(gate, "alone", true, inside);
    const later = [enter(gate, "c", false, inside), enter(gate, "d", false, inside)];
    await settle();
    expect(inside).toEqual(["a", "b"]);
    a();
    await settle();
    expect(inside).toEqual(["b"]);
    b();
    const leaveAlone = await alone;
    await settle();
    expect(inside).toEqual(["alone"]);
    leaveAlone();
    await Promise.all(later);
    expect(inside).toEqual(["c", "d"]);
  });

  it("lets two lonely ones in one after the other", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 8 });
    const first = await enter(gate, "1", true, inside);
    const second = enter(gate, "2", true, inside);
    await settle();
    expect(inside).toEqual(["1"]);
    first();
    await second;
    expect(inside).toEqual(["2"]);
  });

  it("counts leaving once", async () => {
    const gate = new AloneGate({ capacity: 8 });
    const leave = await gate.enter({ alone: false }, NEVER);
    const other = await gate.enter({ alone: false }, NEVER);
    leave();
    leave();
    let isIn = false;
    const alone = gate.enter({ alone: true }, NEVER).then(() => {
      isIn = true;
    });
    await settle();
    expect(isIn).toBe(false);
    other();
    await alone;
  });

  it("forgets who gave up waiting, and lets in who waited behind", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 8 });
    await enter(gate, "a", false, inside);
    const controller = new AbortController();
    const reason = new Error("lock lost");
    const alone = enter(gate, "alone", true, inside, controller.signal);
    const later = enter(gate, "b", false, inside);
    controller.abort(reason);
    await expect(alone).rejects.toBe(reason);
    await later;
    expect(inside).toEqual(["a", "b"]);
    await expect(gate.enter({ alone: false }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("is not left or entered by an abort that comes after the place was given", async () => {
    const inside: string[] = [];
    const gate = new AloneGate({ capacity: 8 });
    const first = await enter(gate, "a", true, inside);
    const controller = new AbortController();
    const second = enter(gate, "b", true, inside, controller.signal);
    first();
    controller.abort();
    const leave = await second;
    const third = enter(gate, "c", true, inside);
    await settle();
    expect(inside).toEqual(["b"]);
    leave();
    await third;
  });

  it("never has company for lonely work, whatever the order, and forgets nobody", async () => {
    const step = fc.record({ alone: fc.boolean(), leave: fc.nat(3), abort: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const gate = new AloneGate({ capacity: 3 });
        const inside = new Map<() => void, boolean>();
        let admitted = 0;
        let aborted = 0;
        // A lonely one counts as three, which fill the gate.
        let worst = 0;
        const leaveOne = (index: number) => {
          const leave = [...inside.keys()][index % Math.max(inside.size, 1)];
          if (leave === undefined) return;
          inside.delete(leave);
          leave();
        };
        for (const { alone, leave, abort } of steps) {
          const controller = new AbortController();
          gate.enter({ alone }, controller.signal).then(
            (given) => {
              inside.set(given, alone);
              admitted++;
              const isLonely = [...inside.values()].includes(true);
              worst = Math.max(worst, isLonely ? inside.size * 3 : inside.size);
            },
            () => aborted++,
          );
          if (abort) controller.abort();
          await settle();
          if (leave > 0) leaveOne(leave);
          await settle();
        }
        while (inside.size > 0) {
          leaveOne(0);
          await settle();
        }
        expect(admitted + aborted).toBe(steps.length);
        expect(worst).toBeLessThanOrEqual(3);
      }),
      { numRuns: 50 },
    );
  });
});
