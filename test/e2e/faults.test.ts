import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type FaultAction,
  type FaultEvent,
  type FaultPoint,
  POSSIBLE,
} from "../../agent/sim/broker/fault.ts";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";
import { FaultWorld } from "../support/fault-world.ts";
import { times } from "../support/run-length.ts";

/** Rounds of a cell, requests of a round, and moments in a row that are struck in it. */
const ROUNDS = times({ short: 1, long: 8 });
const REQUESTS = times({ short: 24, long: 125 });
const STRIKES = times({ short: 1, long: 4 });

interface Point {
  readonly name: string;
  readonly at: FaultPoint;
  /** Parts are held up, so that the work outlives its lock. */
  readonly isSlow?: boolean;
  /** Connections are cut first, since the point is on the way back. */
  readonly isReconnect?: boolean;
}

const POINTS: readonly Point[] = [
  point("request on its way", "transferIn", "requests"),
  point("request stored, requester not told", "outcomeOut", "requests"),
  point("request locked for an agent", "delivery", "requests"),
  point("request with the agent", "delivered", "requests"),
  { ...point("lock being renewed", "management", "requests", "renew-lock"), isSlow: true },
  {
    ...point("lock renewed, agent not told", "managementOut", "requests", "renew-lock"),
    isSlow: true,
  },
  point("part on its way", "transferIn", "replies"),
  point("part stored, agent not told", "outcomeOut", "replies"),
  point("request being completed", "dispositionIn", "requests"),
  point("request completed, agent not told", "settledOut", "requests"),
  point("part locked for the requester", "delivery", "replies"),
  point("part with the requester", "delivered", "replies"),
  point("part being completed", "dispositionIn", "replies"),
  point("part completed, requester not told", "settledOut", "replies"),
  { ...point("connecting", "connect"), isReconnect: true },
  { ...point("opening", "open"), isReconnect: true },
  { ...point("signing in", "putToken"), isReconnect: true },
  { ...point("attaching", "attach"), isReconnect: true },
];

const ACTIONS: readonly FaultAction[] = [
  { kind: "kill" },
  { kind: "killAll" },
  { kind: "freeze", ms: 1_500 },
  { kind: "detachForced" },
  { kind: "serverBusy" },
  { kind: "delay", ms: 300 },
  { kind: "drop" },
  { kind: "refuse", condition: "amqp:internal-error", description: "a fault of the test" },
  { kind: "reorder", window: 3 },
  { kind: "duplicate" },
  { kind: "loseLock" },
];

interface Cell {
  readonly point: string;
  readonly fault: string;
  requests: number;
  hits: number;
  repeated: number;
  dropped: number;
  retried: number;
  slowestMs: number;
}

function point(name: string, event: FaultEvent, queue?: string, operation?: string): Point {
  const at = {
    event,
    ...(queue === undefined ? {} : { queue }),
    ...(operation === undefined ? {} : { operation }),
  };
  return { name, at };
}

describe("requests go in and right answers come out, each once, whatever fails on the way", () => {
  let directory: DirectoryProcess;
  const cells: Cell[] = [];

  beforeAll(async () => {
    directory = await startDirectoryProcess({ people: 120 });
  });

  afterAll(async () => {
    await directory?.stop();
    console.log(table(cells));
  });

  it.concurrent.each(POINTS)("$name", { timeout: ROUNDS * 240_000 }, async (where) => {
    const problems: string[] = [];
    let world: FaultWorld | undefined;
    try {
      for (const action of ACTIONS) {
        if (!POSSIBLE[where.at.event].includes(action.kind)) continue;
        world ??= await FaultWorld.open({ directory });
        try {
          cells.push(await runCell(world, { where, action }));
        } catch (error) {
          problems.push(`${action.kind}: ${error instanceof Error ? error.message : error}`);
          // What a failure left behind must not fail the next cell.
          await world.close();
          world = undefined;
        }
      }
    } finally {
      await world?.close();
    }
    expect(problems).toEqual([]);
  });
});

async function runCell(
  world: FaultWorld,
  { where, action }: { readonly where: Point; readonly action: FaultAction },
): Promise<Cell> {
  const cell: Cell = {
    point: where.name,
    fault: action.kind,
    requests: 0,
    hits: 0,
    repeated: 0,
    dropped: 0,
    retried: 0,
    slowestMs: 0,
  };
  const { faults } = world.broker;
  for (let round = 0; round < ROUNDS; round++) {
    if (where.isSlow === true) {
      const at = { event: "outcomeOut", queue: "replies", nth: 2 } as const;
      await faults.arm({ at, action: { kind: "delay", ms: 3_000 } });
    }
    // Every round strikes another moment; the same ones in every run. Few connections come back, and few locks are renewed.
    const moments = where.isSlow === true ? 1 : where.isReconnect === true ? 2 : 7;
    const nth = 1 + ((round * 5 + action.kind.length) % moments);
    const strikes = action.kind === "reorder" ? {} : { times: STRIKES };
    const fault = await faults.arm({ at: { ...where.at, nth }, action, ...strikes });
    if (where.isReconnect === true) await faults.kill();
    const startedAt = performance.now();
    const tally = await world.ask(REQUESTS);
    await world.settled();
    const hits = await fault.hits();
    await faults.clear();
    if (hits === 0) throw new Error(`the fault did not strike in round ${round}`);
    cell.requests += tally.requests;
    cell.hits += hits;
    cell.repeated += tally.repeated;
    cell.dropped += tally.dropped;
    cell.retried += tally.retried;
    cell.slowestMs = Math.max(cell.slowestMs, performance.now() - startedAt);
  }
  return cell;
}

function table(cells: readonly Cell[]): string {
  const row = (texts: readonly (string | number)[]) =>
    [34, 13, 8, 6, 8, 8, 8, 9]
      .map((width, at) => String(texts[at]).padEnd(width))
      .join(" ")
      .trimEnd();
  const counts = { requests: 0, hits: 0 };
  for (const { requests, hits } of cells) {
    counts.requests += requests;
    counts.hits += hits;
  }
  return [
    row(["point", "fault", "answered", "struck", "parts 2x", "answ. 2x", "asked 2x", "slowest s"]),
    ...cells.map(({ point: name, fault, requests, hits, repeated, dropped, retried, slowestMs }) =>
      row([name, fault, requests, hits, repeated, dropped, retried, (slowestMs / 1000).toFixed(1)]),
    ),
    `${cells.length} cells, ${counts.requests} requests, all answered right and once; ${counts.hits} faults struck`,
  ].join("\n");
}
