import { describe, expect, it } from "vitest";
import { parseContent } from "../../agent/sim/broker/content.ts";
import { DeliveryMap } from "../../agent/sim/broker/delivery-map.ts";
import { Dispatcher, type QueueConsumer } from "../../agent/sim/broker/dispatcher.ts";
import { encodeDescribed, encodeString } from "../../agent/sim/broker/encode.ts";
import { Queue } from "../../agent/sim/broker/queue.ts";
import type { Delivery } from "../../agent/sim/broker/queue-contract.ts";
import { QUEUE_DEFAULTS } from "../../agent/sim/broker/queue-declaration.ts";

describe("deliveries of a session", () => {
  it("make room wherever they are settled, not only at the head", () => {
    const map = new DeliveryMap(3);
    for (const id of [1, 2, 3]) map.push({ id });
    expect(map.available()).toBe(0);
    map.delete(2);
    expect([map.available(), map.by_id(1), map.by_id(2)]).toEqual([1, { id: 1 }, undefined]);
  });

  it("that were sent settled leave from the head", () => {
    const map = new DeliveryMap(3);
    for (const id of [1, 2, 3]) map.push({ id });
    expect(map.pop_if(({ id }) => id !== 2)).toBe(1);
    expect(map.available()).toBe(1);
  });
});

class FakeConsumer implements QueueConsumer {
  readonly mode = "receiveAndDelete";
  readonly session = undefined;
  readonly got: Delivery[] = [];
  credit: number;

  constructor(credit: number) {
    this.credit = credit;
  }

  room(): number {
    return this.credit;
  }

  deliver(delivery: Delivery): void {
    this.credit -= 1;
    this.got.push(delivery);
  }

  sessionLost(): void {
    throw new Error("there are no sessions");
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a dispatcher", () => {
  it("hands out in turn, passes over who has no room, and goes on when there is more", async () => {
    const queue = new Queue("q", QUEUE_DEFAULTS, { now: () => 0, createLockToken: () => "t" });
    const dispatcher = new Dispatcher(queue);
    const consumers = [new FakeConsumer(2), new FakeConsumer(0), new FakeConsumer(400)];
    for (const consumer of consumers) dispatcher.add(consumer);
    const content = parseContent(encodeDescribed(0x77, encodeString("x")), () => "id");
    queue.send(new Array(600).fill(content));
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(consumers.map(({ got }) => got.length)).toEqual([2, 0, 400]);
    const [, second] = consumers;
    if (second === undefined) throw new Error("no consumer");
    second.credit = 1_000;
    dispatcher.wake();
    await turn();
    expect([second.got.length, queue.stats().active]).toEqual([198, 0]);
  });
});
