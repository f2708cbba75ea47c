/** What goes wrong with the client's sends (reference/service-bus.md section 8): as it is shipped, and guarded. */
import { ServiceBusClient } from "@azure/service-bus";
import { describe, expect, it, onTestFinished } from "vitest";
import { closeBusClient, createBusClient } from "../../agent/bus/bus-connection.ts";
import { toBusError } from "../../agent/bus/bus-error.ts";
import type { ClientSource } from "../../agent/bus/client-source.ts";
import { ReplyLinks } from "../../agent/bus/reply-links.ts";
import { ReplySender } from "../../agent/bus/reply-sender.ts";
import { RequestSender } from "../../agent/bus/request-sender.ts";
import { startBrokerProcess } from "../support/broker-process.ts";
import { freePort, startBroker, unguarded } from "../support/bus-pitfalls.ts";
import { MemoryLog } from "../support/memory-log.ts";

describe("a send while nobody listens on the port (8.5 row 3)", () => {
  const stringFor = (port: number) =>
    `Endpoint=sb://127.0.0.1:${port};SharedAccessKeyName=k;SharedAccessKey=k;UseDevelopmentEmulator=true;`;

  it("is not tried again by the client as it is shipped, whatever its retry options", async () => {
    const result = await unguarded("sendWhileDown", {
      connectionString: stringFor(await freePort()),
      queue: "plain-replies",
      backAfterMs: 1_000,
    });
    expect(result).toEqual({ outcome: "GeneralError", triedAgain: false });
  });

  it("is tried again by the reply sender", async () => {
    const port = await freePort();
    const client = new ServiceBusClient(stringFor(port), {
      retryOptions: { maxRetries: 0, timeoutInMs: 5_000 },
    });
    onTestFinished(() => client.close());
    const links = new ReplyLinks(client);
    const log = new MemoryLog();
    const sender = new ReplySender({ links: () => links, onFailure: () => {}, log });
    const sending = sender.send("plain-replies", { body: "1" }, new AbortController().signal);
    await expect.poll(() => log.lines.map(({ event }) => event)).toContain("reply.retried");
    const queues = [{ name: "plain-replies" }];
    const late = await startBrokerProcess({ queues, keyName: "k", key: "k", port });
    onTestFinished(() => late.stop());
    await sending;
    expect(await late.stats("plain-replies")).toMatchObject({ active: 1 });
  });
});

describe("a send that was tried more than once (8.5 row 2)", () => {
  it("throws an error without a code, which is unwrapped", async () => {
    const { broker } = await startBroker();
    const result = await unguarded(
      "sendToFrozenPeer",
      { connectionString: broker.connectionString, queue: "plain-replies" },
      { freeze: () => broker.faults.freeze(), thaw: () => broker.faults.thaw() },
    );
    expect(result).toEqual({
      name: "AggregateError",
      message: "",
      inner: ["ServiceTimeout", "ServiceTimeout"],
    });
    const denied = Object.assign(new Error("denied"), { code: "UnauthorizedAccess" });
    const error = toBusError(new AggregateError([new Error("first"), denied]), "cannot send");
    expect({ code: error.code, cause: error.cause }).toEqual({ code: "bus.denied", cause: denied });
  });

  it("arrives twice when the peer was only slow, and is one part to the requester", async () => {
    const { broker } = await startBroker();
    await unguarded(
      "sendToFrozenPeer",
      { connectionString: broker.connectionString, queue: "plain-replies" },
      { freeze: () => broker.faults.freeze(), thaw: () => broker.faults.thaw() },
    );
    // "before" once, "retried" twice: PendingAnswer counts a part with the same answer and number as repeated.
    await expect
      .poll(() => broker.stats("plain-replies"), { timeout: 5_000 })
      .toMatchObject({ active: 3 });
  });
});

describe("more sends at once than a link has credit for (8.5 row 15)", () => {
  const count = 3_000;

  it("fail in part with the client as it is shipped", async () => {
    const { broker } = await startBroker();
    const result = await unguarded("manySends", {
      connectionString: broker.connectionString,
      queue: "plain-replies",
      count,
    });
    expect(result).toEqual({ failed: true });
  });

  it("wait for their turn in the reply links", async () => {
    const { broker } = await startBroker();
    // As in the scenario above: with retries the client hides that it ran out of credit, at the price of a second each.
    const client = new ServiceBusClient(broker.connectionString, {
      retryOptions: { maxRetries: 0, retryDelayInMs: 100, timeoutInMs: 10_000 },
    });
    onTestFinished(() => closeBusClient(client));
    const links = new ReplyLinks(client);
    const { signal } = new AbortController();
    await links.post("plain-replies", { body: "first" }, signal);
    await Promise.all(
      Array.from({ length: count }, (_, body) => links.post("plain-replies", { body }, signal)),
    );
    expect(await broker.stats("plain-replies")).toMatchObject({ active: count + 1 });
  });

  it("wait for their turn in the request sender", async () => {
    const { broker } = await startBroker();
    const client = new ServiceBusClient(broker.connectionString, {
      retryOptions: { maxRetries: 0, retryDelayInMs: 100, timeoutInMs: 10_000 },
    });
    const source: Pick<ClientSource, "connect" | "noteDenied"> = {
      connect: async () => ({ client, alternatives: 1, generation: 0 }),
      noteDenied: () => {},
    };
    const log = new MemoryLog();
    const sender = new RequestSender({
      source: source as ClientSource,
      queue: "plain-replies",
      log,
    });
    onTestFinished(() => sender.close());
    const { signal } = new AbortController();
    const send = (body: unknown) => sender.send(() => ({ body }), { isRepeatable: false }, signal);
    await send("first");
    await Promise.all(Array.from({ length: count }, (_, index) => send(index)));
    expect(await broker.stats("plain-replies")).toMatchObject({ active: count + 1 });
    expect(log.lines).toEqual([]);
  });
});

describe("a message whose acceptance is lost (8.2, seen from the sender)", () => {
  /** More than rhea holds for one link. */
  const COUNT = 2_300;

  it("stops the reply links as little as the next thousands do", async () => {
    const { broker } = await startBroker();
    const client = createBusClient({
      kind: "connectionString",
      connectionString: broker.connectionString,
    });
    onTestFinished(() => closeBusClient(client));
    const links = new ReplyLinks(client);
    const { signal } = new AbortController();
    const post = (messageId: string) =>
      links.post("plain-replies", { messageId, body: "" }, signal);
    await post("first");
    await broker.faults.arm({
      at: { event: "outcomeOut", queue: "plain-replies" },
      action: { kind: "drop" },
    });
    // The client itself sends it again after its time-out, and tells nobody.
    await post("lost");
    for (let sent = 0; sent < COUNT; sent += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => post(String(sent + n))));
    }
    expect(await broker.stats("plain-replies")).toMatchObject({ active: COUNT + 3 });
    const connections = await broker.faults.connections();
    const senders = connections
      .flatMap((view) => view.links)
      .filter(({ role }) => role === "sender");
    expect(senders).toHaveLength(1);
  }, 60_000);
});

describe("a batch of more messages than the broker takes (8.5 row 17)", () => {
  it("is made by the client as it is shipped, and refused; the agent makes none", async () => {
    const { broker } = await startBroker();
    const { connectionString } = broker;
    const batchOf = (count: number) =>
      unguarded("bigBatch", { connectionString, queue: "plain-replies", count });
    expect(await batchOf(4_500)).toEqual({ count: 4_500 });
    expect(await batchOf(4_501)).toEqual({
      count: 4_501,
      refusal: expect.stringContaining("unable to process the request"),
    });
    expect(await broker.stats("plain-replies")).toMatchObject({ active: 4_500 });
  });
});
