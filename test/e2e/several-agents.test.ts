import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DirectoryProcess, startDirectoryProcess } from "../support/directory-process.ts";
import { FaultWorld } from "../support/fault-world.ts";
import { times } from "../support/run-length.ts";

const AGENTS = 3;
const REQUESTS = times({ short: 2_000, long: 20_000 });
const IN_FLIGHT = 16;
/** Requests answered between two deaths, at least and at most. */
const BETWEEN_DEATHS = { least: 40, most: 160 };

let directory: DirectoryProcess;
let world: FaultWorld;

beforeAll(async () => {
  directory = await startDirectoryProcess({ people: 120 });
  world = await FaultWorld.open({ directory, agents: AGENTS });
});

afterAll(async () => {
  await world?.close();
  await directory?.stop();
});

it(
  `three agents on one queue, killed and started at random, answer ${REQUESTS} requests, none lost and none wrong`,
  async () => {
    let seed = 20_261_123;
    const draw = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const { least, most } = BETWEEN_DEATHS;
    let answered = 0;
    let isOver = false;
    let deaths = 0;
    const kill = async (): Promise<void> => {
      for (let at = least; !isOver; at = answered + least + draw(most - least)) {
        while (answered < at && !isOver) await sleep(5);
        if (isOver) return;
        await world.replaceAgent(draw(AGENTS));
        deaths++;
      }
    };
    const killing = kill();
    const tally = await world
      .ask(REQUESTS, { inFlight: IN_FLIGHT, onAnswer: () => answered++ })
      .finally(() => {
        isOver = true;
      });
    await killing;
    await world.settled();
    console.log(
      `${tally.requests} requests answered right by ${AGENTS} agents that died ${deaths} times; ${tally.repeated} parts came again, ${tally.dropped} answers besides; ${tally.retried} requests were sent again`,
    );
    expect(tally.requests).toBe(REQUESTS);
    // How many fit depends on how quick the machine is.
    expect(deaths).toBeGreaterThan(2);
  },
  times({ short: 240_000, long: 1_200_000 }),
);
