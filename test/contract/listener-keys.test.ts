import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import type { NamedCredential } from "../../agent/bus/bus-connection.ts";
import type { RequestHandler } from "../../agent/core/exchange.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { freePort, listen, startBroker } from "../support/bus-pitfalls.ts";

function named(name: string, connectionString: string): NamedCredential {
  return { name, credential: { kind: "connectionString", connectionString } };
}

/** Answers after a while, once it has said that it works. */
function slowly(ms: number): RequestHandler {
  return async (_, signal) => {
    await sleep(ms, undefined, { signal });
    return { kind: "document", status: 200, body: {} };
  };
}

describe("the keys of a listener", () => {
  const queues = [{ name: "requests" }, { name: "plain-replies" }];
  const start = async (key: string, port = 0): Promise<BrokerProcess> => {
    const broker = await startBrokerProcess({ queues, key, port });
    onTestFinished(() => broker.stop());
    return broker;
  };

  it("are taken in their order: the second when the first is refused, told by name alone", async () => {
    const broker = await start("the-right-key");
    const wrong = broker.connectionString.replace("the-right-key", "the-wrong-key");
    const { log, logged } = await listen(async () => [
      named("bus.connectionString", wrong),
      named("bus.secondConnectionString", broker.connectionString),
    ]);
    expect(await logged("credential.refused")).toEqual({
      name: "bus.connectionString",
      next: "bus.secondConnectionString",
    });
    expect(await logged("listener.started")).toMatchObject({
      credential: "bus.secondConnectionString",
    });
    expect(JSON.stringify(log.lines)).not.toMatch(/the-(right|wrong)-key/);
  });

  it("that are all refused stop the start with bus.denied", async () => {
    const broker = await start("the-right-key");
    const wrong = broker.connectionString.replace("the-right-key", "the-wrong-key");
    const keys = async () => [named("first", wrong), named("second", wrong)];
    await expect(listen(keys)).rejects.toMatchObject({ code: "bus.denied" });
  });

  it("are rotated while it runs: the second takes over, then the first that has changed", async () => {
    const port = await freePort();
    const old = await start("old-key", port);
    const oldString = old.connectionString;
    const newString = oldString.replace("old-key", "new-key");
    let first = oldString;
    const { logged } = await listen(async () => [
      named("first", first),
      named("second", newString),
    ]);
    await old.stop();
    await start("new-key", port);
    expect(await logged("listener.rebuilt")).toMatchObject({ credential: "second" });
    first = newString;
    expect(await logged("credential.changed")).toEqual({ name: "first" });
    expect(await logged("listener.rebuilt", 2)).toEqual({
      reason: "a credential has changed",
      credential: "first",
    });
  }, 60_000);

  it("cost no request in flight when they change", async () => {
    const { broker, ask } = await startBroker();
    let first = broker.connectionString;
    const { logged, events } = await listen(async () => [named("first", first)], {
      handler: slowly(3_000),
    });
    const asked = ask();
    await logged("request.received");
    // The same key in another spelling is another connection string.
    first = `${first}TransportType=Amqp;`;
    await logged("listener.rebuilt");
    expect(events()).not.toContain("request.answered");
    expect(await asked).toBe("200");
    await logged("request.answered");
    expect(events()).not.toContain("request.putBack");
    expect(await broker.stats("requests")).toMatchObject({ active: 0, locked: 0 });
  });

  it("that cannot be read for a while stay as they are", async () => {
    const { broker, ask } = await startBroker();
    let fails = false;
    const { logged, events } = await listen(async () => {
      if (fails) throw new Error("the file is being replaced");
      return [named("first", broker.connectionString)];
    });
    fails = true;
    await logged("credential.unreadable");
    expect(await ask()).toBe("200");
    expect(events()).not.toContain("listener.rebuilt");
  });
});
