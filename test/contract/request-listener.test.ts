import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AnswerElement, ListEnd, RequestHandler } from "../../agent/core/exchange.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { listen, startBroker } from "../support/bus-pitfalls.ts";
import { keyOf } from "../support/listening.ts";
import { rawRequest } from "../support/raw-bus.ts";

const STREAM = { "http:request": "1.1", prefer: "stream" };

/** Answers after a while, once it has said that it works. */
function slowly(ms: number): RequestHandler {
  return async (_, signal) => {
    await sleep(ms, undefined, { signal });
    return { kind: "document", status: 200, body: {} };
  };
}

describe("a request in flight", () => {
  it("is finished over new connections when its own are frozen, and delivered once", async () => {
    const { broker, ask } = await startBroker();
    const { logged, log } = await listen(keyOf(broker.connectionString), {
      handler: slowly(3_000),
    });
    // Not frozen with the rest: it asks over a connection that is made later.
    const asked = ask();
    await logged("request.received");
    const frozen = await broker.faults.freeze({ queue: "requests" });
    expect(frozen).toBeGreaterThan(0);
    expect(await asked).toBe("200");
    await logged("request.answered");
    const received = log.lines.filter(({ event }) => event === "request.received");
    expect(received.map(({ fields }) => fields["deliveries"])).toEqual([1]);
    await expect.poll(() => broker.stats("requests")).toMatchObject({ active: 0, locked: 0 });
  });

  it("is answered after the whole broker stood still for seconds", async () => {
    const { broker, ask } = await startBroker();
    const { logged } = await listen(keyOf(broker.connectionString));
    expect(await ask()).toBe("200");
    await broker.kill("SIGSTOP");
    await logged("watchdog.failed", 2);
    await broker.kill("SIGCONT");
    expect(await ask()).toBe("200");
  });

  it("is put back after a pause when the replies are throttled, and answered later", async () => {
    const { broker, ask } = await startBroker();
    const { logged, events } = await listen(keyOf(broker.connectionString));
    await broker.faults.arm({
      at: { event: "transferIn", queue: "plain-replies" },
      action: { kind: "serverBusy" },
      // The client itself tries a second time.
      times: 2,
    });
    expect(await ask()).toBe("200");
    await logged("request.answered");
    expect(events()).toEqual(expect.arrayContaining(["reply.failed", "request.putBack"]));
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });
});

describe("the replies", () => {
  it("need a queue that takes a part: the start fails, and says how large that is", async () => {
    const queues = [{ name: "requests" }, { name: "plain-replies" }];
    const broker = await startBrokerProcess({ queues, maxMessageBytes: 20_000 });
    onTestFinished(() => broker.stop());
    await expect(listen(keyOf(broker.connectionString))).rejects.toMatchObject({
      code: "config.invalid",
      message: "the reply queue plain-replies takes messages of 20000 bytes at most",
      hint: "a part needs 24576 bytes with its properties",
    });
  });

  it("hold the reading up while their queue takes none: a bounded number is read ahead", async () => {
    const { broker, send } = await startBroker();
    const partBytes = 8_192;
    const resource = { schemas: ["urn:x"], id: "i", displayName: "x".repeat(1_000) };
    let read = 0;
    async function* elements(): AsyncGenerator<readonly AnswerElement[], ListEnd> {
      for (;;) {
        read++;
        yield [{ kind: "resource", resource } as AnswerElement];
      }
    }
    const { listener, logged } = await listen(keyOf(broker.connectionString), {
      partBytes,
      stopTimeoutMs: 0,
      handler: async () => ({ kind: "list", schema: "urn:list", elements: elements() }),
    });
    await broker.faults.arm({
      at: { event: "transferIn", queue: "plain-replies" },
      action: { kind: "drop" },
      times: "always",
    });
    await send("requests", rawRequest({ applicationProperties: STREAM }));
    await logged("request.received");
    await sleep(1_500);
    // Eight parts on their way and one that waits, each with at most seven resources.
    const bound = 9 * Math.floor(partBytes / 1_000) + 1;
    expect(read).toBeGreaterThan(8);
    expect(read).toBeLessThanOrEqual(bound);
    const before = read;
    await sleep(500);
    expect(read).toBe(before);
    await listener.stop();
  });
});

describe("two listeners on one queue", () => {
  it("share the requests, and the one that comes again after a crash runs alone", async () => {
    const { broker, send } = await startBroker();
    const running = [0, 0];
    const aloneAtSecond: boolean[] = [];
    const seen = new Map<string, number>();
    const handlerOf =
      (index: 0 | 1): RequestHandler =>
      async ({ path, requestId }) => {
        running[index] = (running[index] ?? 0) + 1;
        const deliveries = (seen.get(requestId) ?? 0) + 1;
        seen.set(requestId, deliveries);
        try {
          await sleep(150);
          if (path === "/crash" && deliveries === 1) throw new Error("crash");
          if (deliveries === 2) aloneAtSecond.push(running[index] === 1);
          return { kind: "document", status: 200, body: {} };
        } finally {
          running[index] = (running[index] ?? 0) - 1;
        }
      };
    const credentials = keyOf(broker.connectionString);
    const both = await Promise.all(
      ([0, 1] as const).map((index) => listen(credentials, { handler: handlerOf(index) })),
    );
    const plain = Array.from({ length: 15 }, () => rawRequest({ to: "/plain" }));
    await send("requests", ...plain.slice(0, 5), rawRequest({ to: "/crash" }), ...plain.slice(5));
    const answered = () =>
      both.map(({ log }) => log.lines.filter(({ event }) => event === "request.answered").length);
    await expect
      .poll(() => answered().reduce((sum, count) => sum + count), { timeout: 15_000 })
      .toBe(16);
    expect(answered().every((count) => count > 0)).toBe(true);
    expect(aloneAtSecond).toEqual([true]);
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });
});
