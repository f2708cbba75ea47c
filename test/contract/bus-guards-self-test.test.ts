import { createRequire } from "node:module";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeliveryWindow } from "../../agent/bus/delivery-window.ts";
import { installGuards, patchRhea, type Rhea } from "../../agent/bus/rhea-guards.ts";
import { guardFailures } from "../../agent/bus/rhea-self-test.ts";
import { AgentError } from "../../agent/core/error.ts";

const require = createRequire(import.meta.url);

/** A copy of rhea that nothing else in this process has, nor gets. */
function freshRhea(): Rhea {
  const kept = Object.entries(require.cache).filter(([path]) => isRhea(path));
  for (const [path] of kept) delete require.cache[path];
  const rhea = require("rhea") as Rhea;
  for (const path of Object.keys(require.cache).filter(isRhea)) delete require.cache[path];
  Object.assign(require.cache, Object.fromEntries(kept));
  return rhea;
}

function isRhea(path: string): boolean {
  return /[\\/]node_modules[\\/]rhea[\\/]/.test(path);
}

function failureOf(act: () => void): AgentError {
  try {
    act();
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
  throw new Error("did not fail");
}

describe("the self-test of the guards", () => {
  it("finds every failure in rhea as it is shipped", () => {
    expect(guardFailures(freshRhea())).toEqual([
      "adjacent settlements",
      "unsettled delivery",
      "small frames",
      "cut settlement",
    ]);
  });

  it("finds none in a patched rhea, nor in one that is patched twice", () => {
    const rhea = freshRhea();
    patchRhea(rhea, "3.0.5");
    expect(guardFailures(rhea)).toEqual([]);
    const { create_session } = Object.getPrototypeOf(rhea.create_connection({ id: "test" }));
    patchRhea(rhea, "3.0.5");
    expect(Object.getPrototypeOf(rhea.create_connection({ id: "test" })).create_session).toBe(
      create_session,
    );
  });

  it("lets another version pass that it holds for", () => {
    const rhea = freshRhea();
    patchRhea(rhea, "3.9.0");
    expect(guardFailures(rhea)).toEqual([]);
  });

  it("refuses a version on which a guard has no effect, and names the version to install", () => {
    const rhea = freshRhea();
    const connection = rhea.create_connection({ id: "test" });
    const prototype = Object.getPrototypeOf(connection.create_session().incoming) as object;
    // As if rhea called its function by another name: the patch lands on a property that nobody reads.
    const { process } = prototype as { process: () => void };
    Object.defineProperty(prototype, "process", { get: () => process, set: () => {} });
    const error = failureOf(() => patchRhea(rhea, "3.1.0"));
    expect({ ...error, message: error.message }).toEqual({
      name: "AgentError",
      code: "internal",
      message: "rhea 3.1.0: no guard for adjacent settlements",
      hint: "the guards know rhea 3.0.5; install that version",
    });
  });

  it("refuses a version that it cannot patch at all", () => {
    const rhea: Rhea = { create_connection: () => Object.create(null) };
    const error = failureOf(() => patchRhea(rhea, "4.0.0"));
    expect({ ...error, message: error.message }).toEqual({
      name: "AgentError",
      code: "internal",
      message: "rhea 4.0.0 cannot be guarded",
      hint: "the guards know rhea 3.0.5; install that version",
    });
    expect(error.cause).toBeInstanceOf(TypeError);
  });
});

describe("the installation of the guards", () => {
  it("patches the rhea that @azure/service-bus uses", () => {
    const client = createRequire(require.resolve("@azure/service-bus"));
    const core = createRequire(client.resolve("@azure/core-amqp"));
    const rhea = createRequire(core.resolve("rhea-promise"))("rhea") as Rhea;
    installGuards();
    installGuards();
    expect(guardFailures(rhea)).toEqual([]);
  });

  it("says when a link holds as many unsettled deliveries as it can", () => {
    const rhea = freshRhea();
    const events: unknown[] = [];
    patchRhea(rhea, "3.0.5", (event, fields) => events.push({ event, ...fields }));
    const { deliveries } = rhea.create_connection({ id: "test" }).create_session().incoming;
    const delivery = (id: number) =>
      ({ id, settled: false }) as Parameters<typeof deliveries.push>[0];
    for (let id = 0; id < 2_048; id++) deliveries.push(delivery(id));
    deliveries.pop_if(({ settled }) => settled);
    expect(events).toEqual([
      { event: "bus.deliveries-unsettled", connection: "test", unsettled: 2_048 },
    ]);
  });
});

describe("the window of deliveries", () => {
  interface Held {
    readonly id: number;
    settled: boolean;
  }
  const isSettled = ({ settled }: Held) => settled;

  it("never refuses a delivery while fewer than its capacity are unsettled", () => {
    const steps = fc.array(fc.record({ settle: fc.boolean(), which: fc.nat() }), {
      minLength: 50,
      maxLength: 1_500,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 4, max: 64 }), (sequence, capacity) => {
        const window = new DeliveryWindow<Held>(capacity, () => {});
        const unsettled: Held[] = [];
        let next = 0;
        for (const { settle, which } of sequence) {
          // A peer sends only what the window allowed when it was last told, after a call of pop_if.
          if (!settle && window.available() > 0) {
            const delivery = { id: next++, settled: false };
            window.push(delivery);
            unsettled.push(delivery);
          } else {
            for (const each of unsettled.splice(which % (unsettled.length || 1), 1)) {
              each.settled = true;
            }
          }
          window.pop_if(isSettled);
          for (const each of unsettled) expect(window.by_id(each.id)).toBe(each);
          if (unsettled.length < capacity) expect(window.available()).toBeGreaterThan(0);
        }
      }),
      { seed: 20_470, numRuns: 60 },
    );
  });

  it("tells once each time that it fills up, and refuses what is beyond its capacity", () => {
    let told = 0;
    const window = new DeliveryWindow<Held>(2, () => told++);
    const first = { id: 0, settled: false };
    window.push(first);
    window.push({ id: 1, settled: false });
    expect(() => window.push({ id: 2, settled: false })).toThrow(
      "delivery 2 exceeds the window of 2 deliveries",
    );
    window.pop_if(isSettled);
    window.pop_if(isSettled);
    expect(told).toBe(1);
    first.settled = true;
    expect(window.pop_if(isSettled)).toBe(1);
    window.push({ id: 2, settled: false });
    window.pop_if(isSettled);
    expect(told).toBe(2);
  });

  it("looks at few held deliveries for each one that passes by", () => {
    const window = new DeliveryWindow<Held>(2_048, () => {});
    for (let id = 0; id < 1_000; id++) window.push({ id, settled: false });
    let looks = 0;
    const passing = 10_000;
    for (let id = 1_000; id < 1_000 + passing; id++) {
      window.push({ id, settled: true });
      window.pop_if((delivery) => {
        looks++;
        return delivery.settled;
      });
    }
    expect(looks / passing).toBeLessThan(8);
  });
});
