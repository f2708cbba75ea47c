import { expect, it } from "vitest";
import { OutageLog } from "../../agent/bus/outage-log.ts";
import { AgentError } from "../../agent/core/error.ts";
import { MemoryLog } from "../support/memory-log.ts";

const AWAY = new AgentError("bus.unreachable", "nobody listens");
const DENIED = new AgentError("bus.denied", "the key is wrong");

function start() {
  const log = new MemoryLog();
  let now = 1_000;
  const outage = new OutageLog({ log, clock: { now: () => now } });
  const failFor = (seconds: number, error = AWAY) => {
    for (let second = 0; second < seconds; second++, now += 1_000) {
      outage.failed(error, { source: "receive" });
    }
  };
  const lines = () =>
    log.lines.map(({ event, fields: { code, failures, ms } }) => [event, code ?? ms, failures]);
  return { outage, failFor, lines };
}

it("an outage is told of when it begins, and then after 15, 45 and 105 seconds", () => {
  const { failFor, lines } = start();
  failFor(120);
  expect(lines()).toEqual(
    [1, 16, 46, 106].map((failures) => ["listener.error", "bus.unreachable", failures]),
  );
});

it("an outage that lasts is told of every ten minutes", () => {
  const { failFor, lines } = start();
  failFor(3_600);
  const [last, before] = lines().toReversed();
  expect(Number(last?.[2]) - Number(before?.[2])).toBe(600);
});

it("another failure is told of at once, and the end of it all once", () => {
  const { outage, failFor, lines } = start();
  outage.ended();
  failFor(5);
  failFor(5, DENIED);
  outage.ended();
  outage.ended();
  failFor(1);
  expect(lines()).toEqual([
    ["listener.error", "bus.unreachable", 1],
    ["listener.error", "bus.denied", 6],
    ["listener.recovered", 10_000, 10],
    ["listener.error", "bus.unreachable", 1],
  ]);
});
