import type { ServiceBusMessage } from "@azure/service-bus";
import { afterEach, expect, it } from "vitest";
import { rawRequest } from "../support/raw-bus.ts";
import type { Undo } from "../support/requester-world.ts";
import { RightsWorld, search } from "../support/rights-world.ts";

/** A killed agent's requests come again after this. */
const LOCK_MS = 3_000;
const TWO_DELIVERIES = { bus: { maxDeliveries: 2 } };

const undo: Undo = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

it("T7: somebody with Send on requests cannot crash an agent for good: nonsense is put aside, and what kills agents is delivered alone and given up", async () => {
  let kills = false;
  const queue = { requests: { lockDurationMs: LOCK_MS } };
  const world = await RightsWorld.open(undo, { queue, hangs: () => kills });
  const attacker = await world.bus("send-requests");
  const session = { replyTo: "replies", replyToSessionId: "asked" };
  const first = await world.startAgent(TWO_DELIVERIES);
  const nonsense: readonly ServiceBusMessage[] = [
    rawRequest({ ...session, body: Buffer.from("{") }),
    rawRequest({ ...session, body: Buffer.from([0xff, 0xfe]) }),
    rawRequest({ ...session, subject: "" }),
    rawRequest({ ...session, to: "//".repeat(5_000) }),
    rawRequest({ ...session, applicationProperties: { "http:request": Number.NaN } }),
    { body: null },
    { body: "[".repeat(100_000), contentType: "text/html" },
  ];
  for (const message of nonsense) await attacker.send("requests", message);
  expect(await world.deadLetters(nonsense.length)).toHaveLength(nonsense.length);
  expect([first.isAlive(), (await world.ask({ to: "/agent/health" })).status]).toEqual([
    true,
    "200",
  ]);
  await first.kill("SIGTERM");

  kills = true;
  const requester = await world.bus("requester");
  const answers = await requester.client.acceptSession("replies", session.replyToSessionId, {
    receiveMode: "receiveAndDelete",
  });
  const killer = rawRequest({ ...search('userName eq "ada"'), ...session });
  const neighbour = rawRequest({ ...session, to: "/ServiceProviderConfig" });
  await attacker.send("requests", killer);
  const received: unknown[] = [];
  for (let delivery = 1; delivery <= 2; delivery++) {
    const victim = await world.startAgent(TWO_DELIVERIES);
    await victim.logged("search.planned");
    if (delivery === 2) {
      await attacker.send("requests", neighbour);
      await expect.poll(async () => (await world.broker.stats("requests")).locked).toBe(2);
    }
    await victim.kill("SIGKILL");
    const lines = victim.log.filter(({ event }) => event === "request.received");
    received.push(...lines.map(({ requestId, deliveries }) => [requestId, deliveries]));
  }
  expect(received).toEqual([
    [killer.messageId, 1],
    [killer.messageId, 2],
  ]);
  const before = world.searches;
  const survivor = await world.startAgent(TWO_DELIVERIES);
  const statuses = new Map<unknown, unknown>();
  while (statuses.size < 2) {
    for (const part of await answers.receiveMessages(2, { maxWaitTimeInMs: 10_000 })) {
      statuses.set(part.correlationId, part.subject);
    }
  }
  expect(statuses).toEqual(
    new Map([
      [killer.messageId, "500"],
      [neighbour.messageId, "200"],
    ]),
  );
  const [dead] = await world.deadLetters(1);
  expect([dead?.messageId, dead?.deadLetterReason]).toEqual([
    killer.messageId,
    "DeliveriesExhausted",
  ]);
  expect([survivor.isAlive(), world.searches]).toEqual([true, before]);
}, 60_000);
