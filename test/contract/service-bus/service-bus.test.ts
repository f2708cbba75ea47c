import { afterAll, afterEach, beforeAll, describe, vi } from "vitest";
import { describeDeadLetters } from "./dead-letters.ts";
import { describeDuplicates } from "./duplicates.ts";
import { describeExpiry } from "./expiry.ts";
import { describeLimits } from "./limits.ts";
import { describeLoad } from "./load.ts";
import { describeLocks } from "./locks.ts";
import { describeManagement } from "./management.ts";
import { describeMessages } from "./message.ts";
import { describePeeking } from "./peeking.ts";
import { describeReceiving } from "./receiving.ts";
import { describeRefusals } from "./refusals.ts";
import { describeScheduling } from "./scheduling.ts";
import { describeSending } from "./sending.ts";
import { describeSessionLocks } from "./session-locks.ts";
import { describeSessions } from "./sessions.ts";
import { describeSettling } from "./settling.ts";
import { describeSubscribing } from "./subscribing.ts";
import { stopTarget, target } from "./target.ts";

// Every queue operation of the unmodified client, against the embedded broker or a real service (target.ts). Most of the
// time is waiting for locks and windows, so the tests run side by side, each on a queue of its own.

vi.setConfig({ maxConcurrency: 16 });

/** Operation -> what was shown of it. */
const passed = new Map<string, string[]>();

beforeAll(async () => {
  await target();
});

afterEach(({ task }) => {
  if (task.result?.state === "fail") return;
  const name = task.suite?.name ?? "";
  passed.set(name, [...(passed.get(name) ?? []), task.name]);
});

afterAll(async () => {
  const { name } = await target();
  const lines = [...passed].map(([operation, shown]) => `  ${operation}: ${shown.join(" · ")}`);
  const count = [...passed.values()].flat().length;
  console.log([`${count} queue operations against ${name}`, ...lines].join("\n"));
  await stopTarget();
});

describe.concurrent("Service Bus", () => {
  // The longest waits first.
  describeDuplicates();
  describeDeadLetters();
  describeLocks();
  describeSessionLocks();
  describeExpiry();
  describeSessions();
  describeSubscribing();
  describeScheduling();
  describeReceiving();
  describeSettling();
  describeSending();
  describePeeking();
  describeManagement();
  describeRefusals();
  describeLimits();
  describeMessages();
});

// By themselves: they take all of the processor, and the client gives a drain no more than 200 ms.
describe("Service Bus under load", () => {
  describeLoad();
});
