/** What goes wrong with single messages (reference/service-bus.md section 8.5): with the client as it is shipped, and guarded. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { listen, named, SHORT_LOCK_MS, startBroker, unguarded } from "../support/bus-pitfalls.ts";
import { keyOf } from "../support/listening.ts";
import { rawRequest } from "../support/raw-bus.ts";

describe("two requests in flight with one message id (8.5 row 7)", () => {
  const workMs = SHORT_LOCK_MS * 2;

  it("cost one of them its lock with the client's own renewal, and it comes again", async () => {
    const { broker, send } = await startBroker();
    const result = await unguarded(
      "twins",
      { connectionString: broker.connectionString, queue: "short", workMs },
      { send: () => send("short", named("twin"), named("twin")) },
    );
    expect(result).toEqual({ cameAgain: true });
  });

  it("keep a lock each with the listener's renewal", async () => {
    const { broker, send } = await startBroker();
    let calls = 0;
    const { events, logged } = await listen(keyOf(broker.connectionString), {
      requestQueue: "short",
      handler: async () => {
        calls++;
        await sleep(calls === 1 ? 500 : workMs);
        return { kind: "document", status: 200, body: {} };
      },
    });
    const twin = rawRequest({ messageId: randomUUID() });
    await send("short", twin, twin);
    await logged("request.answered", 2);
    await sleep(SHORT_LOCK_MS);
    expect({ calls, lost: events().includes("request.lockLost") }).toEqual({
      calls: 2,
      lost: false,
    });
    expect(await broker.stats("short")).toMatchObject({ active: 0, locked: 0 });
  });
});

describe("a stop while a request is worked on (8.5 rows 9 and 10)", () => {
  it("leaves the message locked when the client is closed first", async () => {
    const { broker, send } = await startBroker();
    const result = await unguarded(
      "closeFirst",
      { connectionString: broker.connectionString, queue: "requests" },
      { send: () => send("requests", named("one")) },
    );
    expect(result).toEqual({ outcome: expect.stringContaining("connection is closed") });
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 1 });
  });

  it("waits for it in the listener, and settles it", async () => {
    const { broker, send } = await startBroker();
    const { listener, logged, events } = await listen(keyOf(broker.connectionString), {
      handler: async () => {
        await sleep(500);
        return { kind: "document", status: 200, body: {} };
      },
    });
    await send("requests", rawRequest());
    await logged("request.received");
    await listener.stop();
    expect(events().slice(-3)).toEqual([
      "listener.stopping",
      "request.answered",
      "listener.stopped",
    ]);
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0 });
  });

  it("raises errors that mean nothing when the receiver is closed", async () => {
    const { broker, send } = await startBroker();
    await send("requests", ...["1", "2", "3", "4"].map(named));
    const result = await unguarded("closeInTheRush", {
      connectionString: broker.connectionString,
      queue: "requests",
    });
    const closed = expect.stringContaining("has been closed");
    expect(result).toEqual({ errors: [closed, closed, closed, closed] });
  });

  it("is silent in the listener, in a rush of requests too, and puts back what comes", async () => {
    const { broker, send } = await startBroker();
    const { listener, logged, events } = await listen(keyOf(broker.connectionString), {
      // As above: some are worked on when it stops.
      handler: async () => {
        await sleep(200);
        return { kind: "document", status: 200, body: {} };
      },
    });
    const sending = send("requests", ...Array.from({ length: 200 }, () => rawRequest()));
    await logged("request.answered", 5);
    await listener.stop();
    await sending;
    expect(events().filter((event) => event === "listener.error")).toEqual([]);
    expect(await broker.stats("requests")).toMatchObject({ locked: 0, deadLettered: 0 });
  });
});
