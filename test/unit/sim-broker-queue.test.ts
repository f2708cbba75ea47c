import { describe, expect, it } from "vitest";
import { type MessageContent, parseContent } from "../../agent/sim/broker/content.ts";
import {
  encodeDescribed,
  encodeList,
  encodeMap,
  encodeString,
  encodeSymbol,
  encodeTimestamp,
  encodeUint,
  NULL,
} from "../../agent/sim/broker/encode.ts";
import { Queue } from "../../agent/sim/broker/queue.ts";
import type {
  Delivery,
  QueueProperties,
  QueueStats,
  Settlement,
} from "../../agent/sim/broker/queue-contract.ts";
import { QUEUE_DEFAULTS } from "../../agent/sim/broker/queue-declaration.ts";
import { findSection, SECTION, scanSections, sectionMap } from "../../agent/sim/broker/section.ts";
import type { SessionLock } from "../../agent/sim/broker/sessions.ts";
import { decodeValue } from "../../agent/sim/broker/value.ts";

const SECOND = 1_000;
const START = 1_700_000_000_000;
const LOCK = QUEUE_DEFAULTS.lockDurationMs;
const ABANDON: Settlement = { kind: "abandon", properties: [] };
const DEFER: Settlement = { kind: "defer", properties: [] };
const COMPLETE: Settlement = { kind: "complete" };
const DEAD_LETTER: Settlement = {
  kind: "deadLetter",
  reason: "r",
  description: undefined,
  properties: [],
};

interface MessageOptions {
  readonly sessionId?: string;
  readonly ttl?: number;
  readonly scheduledAt?: number;
  readonly bytes?: number;
}

function message(id: string, options: MessageOptions = {}): MessageContent {
  const { sessionId, ttl, scheduledAt, bytes = 1 } = options;
  const unset = new Array<Buffer>(9).fill(NULL);
  const group = sessionId === undefined ? NULL : encodeString(sessionId);
  const annotations =
    scheduledAt === undefined
      ? []
      : [encodeSymbol("x-opt-scheduled-enqueue-time"), encodeTimestamp(scheduledAt)];
  const raw = Buffer.concat([
    encodeDescribed(
      SECTION.header,
      encodeList([NULL, NULL, ttl === undefined ? NULL : encodeUint(ttl)]),
    ),
    encodeDescribed(SECTION.messageAnnotations, encodeMap(annotations)),
    encodeDescribed(SECTION.properties, encodeList([encodeString(id), ...unset, group])),
    encodeDescribed(SECTION.amqpValue, encodeString("x".repeat(bytes))),
  ]);
  return parseContent(raw, () => "assigned");
}

interface Seen {
  readonly id: unknown;
  readonly deliveryCount: unknown;
  readonly sequenceNumber: unknown;
}

function read(bytes: Buffer): Seen {
  const sections = scanSections(bytes);
  const value = (descriptor: number): unknown => {
    const section = findSection(sections, descriptor);
    return section === undefined ? undefined : decodeValue(section.bytes, section.valueOffset);
  };
  const annotations = sectionMap(findSection(sections, SECTION.messageAnnotations));
  const number = annotations.get("x-opt-sequence-number");
  return {
    id: (value(SECTION.properties) as unknown[])[0],
    deliveryCount: (value(SECTION.header) as unknown[])[4],
    sequenceNumber: number === undefined ? undefined : decodeValue(number),
  };
}

function annotation(bytes: Buffer, key: string): unknown {
  const section = findSection(scanSections(bytes), SECTION.messageAnnotations);
  const value = sectionMap(section).get(key);
  return value === undefined ? undefined : decodeValue(value);
}

function property(bytes: Buffer, key: string): unknown {
  const section = findSection(scanSections(bytes), SECTION.applicationProperties);
  const value = sectionMap(section).get(key);
  return value === undefined ? undefined : decodeValue(value);
}

class Bench {
  now = START;
  available = 0;
  readonly lost: SessionLock[] = [];
  readonly queue: Queue;
  #tokens = 0;

  constructor(properties: Partial<QueueProperties> = {}) {
    this.queue = new Queue(
      "q",
      { ...QUEUE_DEFAULTS, ...properties },
      {
        now: () => this.now,
        createLockToken: () => {
          this.#tokens += 1;
          return `token-${this.#tokens}`;
        },
      },
    );
    this.queue.listener = {
      available: () => {
        this.available += 1;
      },
      sessionLost: (lock) => this.lost.push(lock),
    };
  }

  send(...ids: string[]): void {
    expect(this.queue.send(ids.map((id) => message(id)))).toBeUndefined();
  }

  after(ms: number): void {
    this.now += ms;
    this.queue.sweep();
  }

  take(session?: SessionLock): Delivery & { readonly token: string } {
    const delivery = this.queue.receive("peekLock", session);
    if (delivery?.lockToken === undefined) throw new Error("nothing to receive");
    return { ...delivery, token: delivery.lockToken };
  }

  dead(): Delivery {
    const delivery = this.queue.deadLetterQueue?.receive("receiveAndDelete");
    if (delivery === undefined) throw new Error("nothing was dead-lettered");
    return delivery;
  }

  session(id?: string): SessionLock {
    const lock = this.queue.acceptSession(id, "me");
    if (lock === undefined) throw new Error("the session cannot be had");
    return lock;
  }
}

const EMPTY: QueueStats = {
  active: 0,
  locked: 0,
  deferred: 0,
  scheduled: 0,
  deadLettered: 0,
  sessions: 0,
  bytes: 0,
};

describe("a queue", () => {
  it("hands out messages in the order of their numbers, an abandoned one first", () => {
    const bench = new Bench();
    bench.send("a", "b", "c");
    const a = bench.take();
    const b = bench.take();
    bench.queue.settle(b.token, ABANDON);
    bench.queue.settle(a.token, ABANDON);
    const seen = [bench.take(), bench.take(), bench.take()].map(({ bytes }) => read(bytes));
    expect(seen).toEqual([
      { id: "a", deliveryCount: 1, sequenceNumber: 1 },
      { id: "b", deliveryCount: 1, sequenceNumber: 2 },
      { id: "c", deliveryCount: 0, sequenceNumber: 3 },
    ]);
    expect(bench.queue.receive("peekLock")).toBeUndefined();
  });

  it("is empty again when everything was completed", () => {
    const bench = new Bench();
    bench.send("a", "b");
    bench.queue.settle(bench.take().token, COMPLETE);
    bench.queue.receive("receiveAndDelete");
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("releases without counting", () => {
    const bench = new Bench();
    bench.send("a");
    bench.queue.settle(bench.take().token, { kind: "release" });
    expect(read(bench.take().bytes).deliveryCount).toBe(0);
  });

  it("says when something becomes available", () => {
    const bench = new Bench();
    bench.send("a");
    expect(bench.available).toBe(1);
    bench.queue.settle(bench.take().token, ABANDON);
    expect(bench.available).toBe(2);
  });
});

describe("a lock", () => {
  it("ends on the millisecond, also before the sweep, and counts the delivery", () => {
    const bench = new Bench();
    bench.send("a");
    const first = bench.take();
    expect(annotation(first.bytes, "x-opt-locked-until")).toEqual(new Date(START + LOCK));
    bench.now += LOCK - 1;
    expect(bench.queue.renewLock("token-none")).toBeUndefined();
    bench.now += 1;
    expect(bench.queue.settle(first.token, COMPLETE)).toMatchObject({
      condition: "com.microsoft:message-lock-lost",
    });
    expect(read(bench.take().bytes).deliveryCount).toBe(1);
  });

  it("renewed lasts from now on, and outlives one that was taken later", () => {
    const bench = new Bench({ maxDeliveryCount: 10 });
    bench.send("a", "b");
    const [a, b] = [bench.take(), bench.take()];
    bench.after(LOCK / 2);
    expect(bench.queue.renewLock(a.token)).toBe(START + LOCK * 1.5);
    bench.after(LOCK / 2);
    expect(bench.queue.stats()).toMatchObject({ active: 1, locked: 1 });
    expect(bench.queue.settle(b.token, COMPLETE)).toMatchObject({
      condition: "com.microsoft:message-lock-lost",
    });
    expect(bench.queue.settle(a.token, COMPLETE)).toBeUndefined();
  });

  it("settles once", () => {
    const bench = new Bench();
    bench.send("a");
    const { token } = bench.take();
    expect(bench.queue.settle(token, COMPLETE)).toBeUndefined();
    expect(bench.queue.settle(token, COMPLETE)).toMatchObject({
      condition: "com.microsoft:message-lock-lost",
    });
  });
});

describe("a dead-letter queue", () => {
  it("gets what was delivered too often, with its own numbers", () => {
    const bench = new Bench({ maxDeliveryCount: 2 });
    bench.send("a", "b");
    bench.queue.settle(bench.take().token, COMPLETE);
    for (let attempt = 0; attempt < 2; attempt++) {
      bench.take();
      bench.after(LOCK);
    }
    expect(bench.queue.stats()).toMatchObject({ active: 0, deadLettered: 1 });
    const { bytes } = bench.dead();
    expect({
      ...read(bytes),
      source: annotation(bytes, "x-opt-deadletter-source"),
      enqueued: annotation(bytes, "x-opt-enqueue-sequence-number"),
      reason: property(bytes, "DeadLetterReason"),
      description: property(bytes, "DeadLetterErrorDescription"),
    }).toEqual({
      id: "b",
      deliveryCount: 2,
      sequenceNumber: 1,
      source: "q",
      enqueued: 2,
      reason: "MaxDeliveryCountExceeded",
      description: "Message could not be consumed after 2 delivery attempts.",
    });
  });

  it("keeps its messages whatever happens to them", () => {
    const bench = new Bench({ maxDeliveryCount: 1 });
    bench.send("a");
    bench.queue.settle(bench.take().token, DEAD_LETTER);
    const dead = bench.queue.deadLetterQueue;
    for (let attempt = 0; attempt < 5; attempt++) {
      const token = dead?.receive("peekLock")?.lockToken ?? "";
      expect(dead?.settle(token, DEAD_LETTER)).toMatchObject({ condition: "amqp:not-allowed" });
      expect(dead?.settle(token, ABANDON)).toBeUndefined();
      bench.after(24 * 3600 * SECOND);
    }
    expect(bench.queue.stats()).toMatchObject({ deadLettered: 1 });
    expect(read(bench.dead().bytes).id).toBe("a");
    expect(bench.queue.stats()).toEqual(EMPTY);
  });
});

describe("time to live", () => {
  it("is the sender's, but at most the queue's", () => {
    const bench = new Bench({ defaultTimeToLiveMs: 10 * SECOND });
    bench.queue.send([message("short", { ttl: SECOND }), message("long", { ttl: 60 * SECOND })]);
    bench.after(SECOND);
    expect(bench.queue.stats()).toMatchObject({ active: 1, deadLettered: 0 });
    bench.after(9 * SECOND);
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("dead-letters only where the queue asks for it", () => {
    const bench = new Bench({ deadLetteringOnMessageExpiration: true });
    bench.queue.send([message("a", { ttl: SECOND })]);
    bench.after(SECOND);
    const { bytes } = bench.dead();
    expect([read(bytes).id, property(bytes, "DeadLetterReason")]).toEqual([
      "a",
      "TTLExpiredException",
    ]);
  });

  it("is not received after its end, even before the sweep", () => {
    const bench = new Bench();
    bench.queue.send([message("a", { ttl: SECOND }), message("b")]);
    bench.now += SECOND;
    expect(read(bench.take().bytes).id).toBe("b");
  });

  it("waits for the lock to end", () => {
    const bench = new Bench();
    bench.queue.send([message("a", { ttl: SECOND }), message("b", { ttl: SECOND })]);
    const [a, b] = [bench.take(), bench.take()];
    bench.after(2 * SECOND);
    expect(bench.queue.settle(a.token, COMPLETE)).toBeUndefined();
    expect(bench.queue.settle(b.token, ABANDON)).toBeUndefined();
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("of a deferred message counts only when it is asked for", () => {
    const bench = new Bench();
    bench.queue.send([message("a", { ttl: SECOND })]);
    bench.queue.settle(bench.take().token, DEFER);
    bench.after(60 * SECOND);
    expect(bench.queue.stats()).toMatchObject({ deferred: 1 });
    expect(bench.queue.receiveDeferred([1], "peekLock")).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("forgets thousands of completed messages long before their time", () => {
    const bench = new Bench();
    for (let round = 0; round < 5_000; round++) {
      bench.send("a");
      bench.queue.settle(bench.take().token, COMPLETE);
    }
    bench.send("last");
    bench.after(QUEUE_DEFAULTS.defaultTimeToLiveMs);
    expect(bench.queue.stats()).toEqual(EMPTY);
  });
});

describe("deferred messages", () => {
  it("come by their number and go back to being deferred", () => {
    const bench = new Bench({ maxDeliveryCount: 10 });
    bench.send("a", "b");
    bench.queue.settle(bench.take().token, DEFER);
    expect(read(bench.take().bytes).id).toBe("b");
    const received = bench.queue.receiveDeferred([1], "peekLock");
    if ("condition" in received) throw new Error(received.description);
    const token = received[0]?.lockToken ?? "";
    expect(bench.queue.receiveDeferred([1], "peekLock")).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    bench.queue.settle(token, ABANDON);
    expect(bench.queue.stats()).toMatchObject({ deferred: 1, active: 0 });
  });

  it("are received all or none", () => {
    const bench = new Bench();
    bench.send("a");
    bench.queue.settle(bench.take().token, DEFER);
    expect(bench.queue.receiveDeferred([1, 99], "receiveAndDelete")).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    expect(bench.queue.stats()).toMatchObject({ deferred: 1 });
  });
});

describe("scheduled messages", () => {
  it("get a new number when their time comes, behind what was sent before", () => {
    const bench = new Bench();
    const scheduled = bench.queue.schedule([message("later", { scheduledAt: START + SECOND })]);
    expect(scheduled).toEqual([1]);
    bench.send("now");
    bench.after(SECOND - 1);
    expect(bench.queue.stats()).toMatchObject({ active: 1, scheduled: 1 });
    bench.after(1);
    bench.take();
    const { bytes } = bench.take();
    expect({
      ...read(bytes),
      enqueuedSequenceNumber: annotation(bytes, "x-opt-enqueue-sequence-number"),
      enqueuedAt: annotation(bytes, "x-opt-enqueued-time"),
    }).toEqual({
      id: "later",
      deliveryCount: 0,
      sequenceNumber: 3,
      enqueuedSequenceNumber: 1,
      enqueuedAt: new Date(START + SECOND),
    });
  });

  it("are cancelled all or none, and not once they are enqueued", () => {
    const bench = new Bench();
    bench.queue.schedule([
      message("a", { scheduledAt: START + SECOND }),
      message("b", { scheduledAt: START + SECOND }),
    ]);
    expect(bench.queue.cancelScheduled([1, 7])).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    expect(bench.queue.cancelScheduled([1, 1])).toBeUndefined();
    bench.after(SECOND);
    expect(bench.queue.cancelScheduled([2])).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    expect(bench.queue.stats()).toMatchObject({ active: 1, scheduled: 0 });
  });

  it("sent for a time that has passed are enqueued at once", () => {
    const bench = new Bench();
    bench.queue.send([message("a", { scheduledAt: START - SECOND })]);
    expect(bench.queue.stats()).toMatchObject({ active: 1, scheduled: 0 });
  });
});

describe("duplicate detection", () => {
  it("drops an id within the window, also after the first was completed", () => {
    const bench = new Bench({
      requiresDuplicateDetection: true,
      duplicateDetectionWindowMs: 20 * SECOND,
    });
    bench.send("a");
    bench.queue.settle(bench.take().token, COMPLETE);
    bench.after(19 * SECOND);
    bench.send("a");
    expect(bench.queue.stats()).toMatchObject({ active: 0 });
    // Without a sweep: the window ends by the clock.
    bench.now += SECOND;
    bench.send("a");
    expect(bench.queue.stats()).toMatchObject({ active: 1 });
  });

  it("drops a scheduled duplicate, and what comes after a scheduled message", () => {
    const bench = new Bench({ requiresDuplicateDetection: true });
    const later = { scheduledAt: START + SECOND };
    expect(bench.queue.schedule([message("a", later), message("a", later)])).toEqual([1, 2]);
    bench.send("a");
    expect(bench.queue.stats()).toMatchObject({ active: 0, scheduled: 1 });
    expect(bench.queue.cancelScheduled([2])).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
  });

  it("remembers no id of what was refused", () => {
    const bench = new Bench({ requiresDuplicateDetection: true, maxBytes: 2_000 });
    expect(bench.queue.send([message("a", { bytes: 3_000 })])).toBeDefined();
    bench.send("a");
    expect(bench.queue.stats()).toMatchObject({ active: 1 });
  });

  it("is off unless asked for", () => {
    const bench = new Bench();
    bench.send("a", "a");
    expect(bench.queue.stats()).toMatchObject({ active: 2 });
  });
});

describe("deleting in a batch", () => {
  const ALL = { count: 100, enqueuedBefore: Number.POSITIVE_INFINITY, sessionId: undefined };

  it("takes the oldest that wait, and nothing that is locked, deferred or scheduled", () => {
    const bench = new Bench();
    bench.send("deferred", "locked", "old", "new");
    bench.queue.settle(bench.take().token, DEFER);
    bench.take();
    bench.queue.schedule([message("later", { scheduledAt: START + SECOND })]);
    expect(bench.queue.deleteBatch({ ...ALL, count: 1 })).toBe(1);
    expect(read(bench.take().bytes).id).toBe("new");
    expect(bench.queue.deleteBatch(ALL)).toBe(0);
    expect(bench.queue.stats()).toMatchObject({ active: 0, locked: 2, deferred: 1, scheduled: 1 });
  });

  it("stops at a time, which itself is not before it", () => {
    const bench = new Bench();
    bench.send("old");
    bench.after(SECOND);
    bench.send("new");
    expect(bench.queue.deleteBatch({ ...ALL, enqueuedBefore: START + SECOND })).toBe(1);
    expect(read(bench.take().bytes).id).toBe("new");
  });

  it("keeps to one session when it is given", () => {
    const bench = new Bench({ requiresSession: true });
    bench.queue.send(["one", "two"].map((sessionId) => message(sessionId, { sessionId })));
    expect(bench.queue.deleteBatch({ ...ALL, sessionId: "one" })).toBe(1);
    expect(bench.session().sessionId).toBe("two");
    expect(bench.queue.stats()).toMatchObject({ sessions: 1 });
  });

  it("leaves nothing behind of thousands", () => {
    const bench = new Bench();
    for (let round = 0; round < 20; round++) {
      bench.queue.send(Array.from({ length: 100 }, (_, index) => message(`${round}-${index}`)));
      expect(bench.queue.deleteBatch(ALL)).toBe(100);
    }
    expect(bench.queue.receive("peekLock")).toBeUndefined();
    expect(bench.queue.stats()).toEqual(EMPTY);
  });
});

describe("the size of a queue", () => {
  it("counts the dead-lettered too, and refuses a batch as a whole", () => {
    const bench = new Bench({ maxBytes: 3_000 });
    bench.queue.send([message("a", { bytes: 1_000 })]);
    bench.queue.settle(bench.take().token, DEAD_LETTER);
    const refused = bench.queue.send([message("b"), message("c", { bytes: 1_000 })]);
    expect(refused).toMatchObject({ condition: "amqp:resource-limit-exceeded" });
    expect(bench.queue.stats()).toMatchObject({ active: 0, deadLettered: 1 });
    bench.dead();
    expect(bench.queue.send([message("b"), message("c", { bytes: 1_000 })])).toBeUndefined();
  });
});

describe("peek", () => {
  it("starts at a number, stops at a count and at a size", () => {
    const bench = new Bench();
    bench.send("a", "b", "c", "d");
    const ids = (options: { from: number; count: number; maxBytes: number }): unknown[] =>
      bench.queue.peek(options).map((bytes) => read(bytes).id);
    expect(ids({ from: 2, count: 2, maxBytes: 10_000 })).toEqual(["b", "c"]);
    expect(ids({ from: 1, count: 9, maxBytes: 1 })).toEqual(["a"]);
    expect(ids({ from: 5, count: 9, maxBytes: 10_000 })).toEqual([]);
  });
});

describe("sessions", () => {
  const SESSIONS = { requiresSession: true, maxDeliveryCount: 10 } as const;

  function sendTo(bench: Bench, sessionId: string, ...ids: string[]): void {
    bench.queue.send(ids.map((id) => message(id, { sessionId })));
  }

  it("take only messages that have one", () => {
    const bench = new Bench(SESSIONS);
    expect(bench.queue.send([message("a", { sessionId: "s" }), message("b")])).toMatchObject({
      condition: "amqp:not-allowed",
    });
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("are held by one, who alone receives from them", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    sendTo(bench, "two", "b");
    const lock = bench.session("two");
    expect(bench.queue.acceptSession("two", "you")).toBeUndefined();
    expect(read(bench.take(lock).bytes).id).toBe("b");
    expect(bench.queue.receive("peekLock", lock)).toBeUndefined();
    expect(bench.queue.receive("peekLock")).toBeUndefined();
    expect(bench.queue.sessionLock("two", "you")).toBeUndefined();
    expect(bench.queue.sessionLock("two", "me")).toBe(lock);
  });

  it("are handed out by waiting time, without those that are locked or empty", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    sendTo(bench, "two", "b");
    sendTo(bench, "one", "c");
    expect(bench.session().sessionId).toBe("one");
    expect(bench.session().sessionId).toBe("two");
    expect(bench.queue.acceptSession(undefined, "me")).toBeUndefined();
    sendTo(bench, "one", "d");
    expect(bench.queue.acceptSession(undefined, "me")).toBeUndefined();
  });

  it("can be held before the first message comes, and are forgotten when they are empty", () => {
    const bench = new Bench(SESSIONS);
    const lock = bench.session("early");
    expect(bench.queue.stats()).toMatchObject({ sessions: 1 });
    sendTo(bench, "early", "a");
    bench.queue.settle(bench.take(lock).token, COMPLETE);
    bench.queue.releaseSession(lock);
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("expire with all of their messages, which are counted", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a", "b");
    const lock = bench.session("one");
    const a = bench.take(lock);
    bench.now += LOCK;
    expect(bench.queue.settle(a.token, COMPLETE)).toMatchObject({
      condition: "com.microsoft:session-lock-lost",
    });
    expect(bench.queue.receive("peekLock", lock)).toBeUndefined();
    bench.queue.sweep();
    expect(bench.lost).toEqual([lock]);
    const next = bench.session();
    expect([bench.take(next), bench.take(next)].map(({ bytes }) => read(bytes))).toEqual([
      { id: "a", deliveryCount: 1, sequenceNumber: 1 },
      { id: "b", deliveryCount: 0, sequenceNumber: 2 },
    ]);
  });

  it("renewed keep the locks of their messages", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    const lock = bench.session("one");
    const a = bench.take(lock);
    bench.after(LOCK - 1);
    expect(bench.queue.renewSession(lock)).toBe(START + 2 * LOCK - 1);
    expect(bench.queue.renewLock(a.token)).toBe(START + 2 * LOCK - 1);
    bench.after(LOCK - 1);
    expect(bench.queue.settle(a.token, COMPLETE)).toBeUndefined();
  });

  it("given back return their messages uncounted, to the next in line", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    const lock = bench.session();
    bench.take(lock);
    bench.queue.releaseSession(lock);
    bench.queue.releaseSession(lock);
    expect(bench.queue.renewSession(lock)).toBeUndefined();
    const next = bench.session();
    expect(read(bench.take(next).bytes)).toEqual({
      id: "a",
      deliveryCount: 0,
      sequenceNumber: 1,
    });
  });

  it("keep a state beyond their messages, within the size of the queue", () => {
    const bench = new Bench({ ...SESSIONS, maxBytes: 100 });
    const lock = bench.session("one");
    expect(bench.queue.setSessionState(lock, Buffer.alloc(101))).toMatchObject({
      condition: "amqp:resource-limit-exceeded",
    });
    expect(bench.queue.setSessionState(lock, Buffer.from("page 3"))).toBeUndefined();
    bench.queue.releaseSession(lock);
    const again = bench.session("one");
    expect(bench.queue.sessionState(again)?.toString()).toBe("page 3");
    bench.queue.setSessionState(again, undefined);
    bench.queue.releaseSession(again);
    expect(bench.queue.stats()).toEqual(EMPTY);
  });

  it("do not exist in the dead-letter queue", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    const lock = bench.session("one");
    bench.queue.settle(bench.take(lock).token, DEAD_LETTER);
    expect(read(bench.dead().bytes).id).toBe("a");
  });

  it("give a deferred message only to who holds its session", () => {
    const bench = new Bench(SESSIONS);
    sendTo(bench, "one", "a");
    const one = bench.session("one");
    bench.queue.settle(bench.take(one).token, DEFER);
    const two = bench.session("two");
    expect(bench.queue.receiveDeferred([1], "peekLock", two)).toMatchObject({
      condition: "com.microsoft:message-not-found",
    });
    expect(bench.queue.receiveDeferred([1], "peekLock", one)).toHaveLength(1);
  });
});
