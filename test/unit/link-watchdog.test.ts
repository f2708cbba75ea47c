import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LinkWatchdog } from "../../agent/bus/link-watchdog.ts";
import { AgentError } from "../../agent/core/error.ts";
import { MemoryLog } from "../support/memory-log.ts";

const INTERVAL_MS = 60;
const UNREACHABLE = new AgentError("bus.unreachable", "no answer");
const DENIED = new AgentError("bus.denied", "the key is wrong");

/** What it did, in order. It waits on its own timers, which are short here. */
function start(looks: (AgentError | undefined)[], rebuilds: (AgentError | undefined)[] = []) {
  const done: string[] = [];
  const credentials = { changed: false };
  const log = new MemoryLog();
  const watchdog = new LinkWatchdog({
    intervalMs: INTERVAL_MS,
    refresh: async () => {
      const { changed } = credentials;
      credentials.changed = false;
      return changed;
    },
    look: async () => {
      const failure = looks.shift();
      done.push(failure === undefined ? "well" : failure.code);
      return failure;
    },
    rebuild: async ({ text, isHealthy }) => {
      const error = rebuilds.shift();
      done.push(
        `${error === undefined ? "rebuilt" : "not rebuilt"}, ${text}, healthy ${isHealthy}`,
      );
      if (error !== undefined) throw error;
    },
    log,
  });
  watchdog.start();
  onTestFinished(() => watchdog.stop());
  const until = async (count: number, timeout = 3_000) => {
    await vi.waitFor(() => expect(done.length).toBeGreaterThanOrEqual(count), { timeout });
    await watchdog.stop();
    return done.slice(0, count);
  };
  return { watchdog, done, credentials, log, until };
}

const REBUILT = "rebuilt, bus.unreachable: no answer, healthy false";

describe("the watchdog of a link", () => {
  it("rebuilds after two failures in a row", async () => {
    const { until } = start([undefined, UNREACHABLE, UNREACHABLE, undefined]);
    expect(await until(5)).toEqual(["well", "bus.unreachable", "bus.unreachable", REBUILT, "well"]);
  });

  it("rebuilds nothing after failures that are not in a row", async () => {
    const { until } = start([UNREACHABLE, undefined, UNREACHABLE, undefined]);
    expect(await until(5)).toEqual(["bus.unreachable", "well", "bus.unreachable", "well", "well"]);
  });

  it("rebuilds at once when the key is denied: a second look would say the same", async () => {
    const { until } = start([DENIED]);
    expect(await until(3)).toEqual([
      "bus.denied",
      "rebuilt, bus.denied: the key is wrong, healthy false",
      "well",
    ]);
  });

  it("rebuilds soon when somebody else was denied, without a look", async () => {
    const { watchdog, until } = start([]);
    watchdog.suspect(DENIED);
    expect(await until(2)).toEqual([
      "rebuilt, bus.denied: the key is wrong, healthy false",
      "well",
    ]);
  });

  it("looks sooner when somebody else got no answer, and believes its own eyes", async () => {
    const { watchdog, until } = start([]);
    watchdog.suspect(UNREACHABLE);
    expect(await until(2)).toEqual(["well", "well"]);
  });

  it("backs off while it cannot rebuild, and leaves it when the old link is well again", async () => {
    const { until, log } = start([UNREACHABLE, UNREACHABLE, undefined], [UNREACHABLE]);
    const startedAt = performance.now();
    expect(await until(4)).toEqual([
      "bus.unreachable",
      "bus.unreachable",
      REBUILT.replace("rebuilt", "not rebuilt"),
      "well",
    ]);
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    expect(log.lines.map(({ event }) => event)).toEqual([
      "watchdog.failed",
      "watchdog.failed",
      "listener.rebuildFailed",
    ]);
  });

  it("rebuilds for a changed credential, until it can, though the old link is well", async () => {
    const { until, credentials } = start([], [UNREACHABLE]);
    credentials.changed = true;
    expect(await until(4)).toEqual([
      "well",
      "not rebuilt, a credential has changed, healthy true",
      "well",
      "rebuilt, a credential has changed, healthy true",
    ]);
  });

  it("stops at once", async () => {
    const { watchdog, done } = start([]);
    await watchdog.stop();
    expect(done).toEqual([]);
  });
});
