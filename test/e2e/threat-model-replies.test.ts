import { randomUUID } from "node:crypto";
import type { ServiceBusMessage } from "@azure/service-bus";
import { afterEach, describe, expect, it } from "vitest";
import type { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import { HandAgent, partsOf } from "../support/hand-agent.ts";
import { type RawBus, rawRequest } from "../support/raw-bus.ts";
import {
  documents,
  documentsOf,
  never,
  outgoing,
  startRequester,
  type Undo,
} from "../support/requester-world.ts";
import { RightsWorld, type RightsWorldOptions, refusal, search } from "../support/rights-world.ts";

const undo: Undo = [];

afterEach(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

interface Exchange {
  readonly world: RightsWorld;
  readonly agent: HandAgent;
  readonly requester: ServiceBusRequester;
  /** Somebody with Send on replies. */
  readonly attacker: RawBus;
}

async function openExchange(options: RightsWorldOptions = {}): Promise<Exchange> {
  const world = await RightsWorld.open(undo, options);
  const agent = new HandAgent(await world.connectionString("agent"));
  undo.push(() => agent.close());
  agent.start();
  const { requester } = startRequester(undo, await world.connectionString("requester"));
  return { world, agent, requester, attacker: await world.bus("send-replies") };
}

const FORGED = [{ Resources: [{ userName: "mallory" }] }];
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The part with these application properties besides, or a body of its own. */
function altered(
  part: ServiceBusMessage | undefined,
  { body = part?.body, ...properties }: Record<string, unknown>,
): ServiceBusMessage {
  const applicationProperties = {
    ...part?.applicationProperties,
    ...(properties as ServiceBusMessage["applicationProperties"]),
  };
  return { ...part, messageId: randomUUID(), body, applicationProperties };
}

describe("somebody with Send on the reply queue", () => {
  it("T9: cannot have a forged answer taken without the id of a request and the session that waits for it", async () => {
    const { agent, requester, attacker } = await openExchange();
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    expect(request.messageId).toMatch(UUID_V4);
    expect(request.replyToSessionId?.replace(/^stream-/, "")).toMatch(UUID_V4);
    const { messageId, replyToSessionId } = request;
    const guesses = [
      ...Array.from({ length: 50 }, () => randomUUID() as string),
      ...[
        "",
        "*",
        String(messageId).toUpperCase(),
        `${messageId} `,
        String(messageId).slice(0, -1),
      ],
      ...["__proto__", String(request.correlationId), String(replyToSessionId)],
    ];
    const known = String(replyToSessionId);
    for (const guess of guesses) {
      for (const part of partsOf({ replyToSessionId: known, messageId: guess }, FORGED)) {
        await attacker.send("replies", part);
      }
    }
    await expect.poll(() => requester.strangers, { timeout: 15_000 }).toBe(guesses.length);
    // The right id in another session comes to nobody.
    for (const part of partsOf({ messageId: String(messageId), replyToSessionId: "x" }, FORGED)) {
      await attacker.send("replies", part);
    }
    expect(requester.inFlight).toBe(1);
    await agent.send(partsOf(request, documents(2)));
    const reply = await asked;
    expect(await documentsOf(reply)).toEqual(documents(2));
    expect(reply.counts()).toEqual({ repeated: 0, dropped: 0 });
  });

  it("T10: cannot add a part of another answer to an answer, though it knows id and session", async () => {
    const { agent, requester, attacker } = await openExchange();
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    const forged = partsOf(request, [...FORGED, ...FORGED, ...FORGED]);
    const real = partsOf(request, documents(3));
    // The first and the last of the forged parts, around and between the real ones.
    for (const part of [forged[0], real[0], forged[2], real[1]]) {
      if (part !== undefined) await attacker.send("replies", part);
    }
    await agent.send(real.slice(2));
    const reply = await asked;
    expect(await documentsOf(reply)).toEqual(documents(3));
    expect(reply.counts()).toEqual({ repeated: 0, dropped: 1 });
  });

  it("T10: makes an answer worthless by parts under its own name, never wrong", async () => {
    const { agent, requester, attacker } = await openExchange();
    const body = Buffer.from(JSON.stringify(FORGED[0]));
    type Forge = (real: readonly ServiceBusMessage[]) => readonly ServiceBusMessage[];
    const attacks: Readonly<Record<string, Forge>> = {
      "another first part": (real) => [altered(real[0], { body }), ...real],
      "another part of the same number": (real) => [
        ...real.slice(0, 2),
        altered(real[1], { body }),
      ],
      "a part after the last": (real) => [altered(real[0], { body, part: 3 }), ...real],
      "a last part that is another": (real) => [altered(real[2], { body }), ...real.slice(0, 2)],
      "an earlier end": (real) => [
        altered(real[1], { ...real[2]?.applicationProperties, body, part: 1, parts: 2 }),
        ...real,
      ],
      "another digest": (real) => [
        ...real.slice(0, 2),
        altered(real[2], { digest: "0".repeat(64) }),
      ],
      "fewer items": (real) => [...real.slice(0, 2), altered(real[2], { items: 0 })],
    };
    for (const [name, forge] of Object.entries(attacks)) {
      const next = agent.next();
      const asked = requester.request(outgoing({ idleTimeoutMs: 1_000 }), {}, never);
      const verdict = refusal(asked);
      const request = await next;
      const forged = forge(partsOf(request, documents(3)));
      for (const part of forged) await attacker.send("replies", part);
      expect([name, await verdict]).toEqual([name, "reply.timeout"]);
    }
    // The requester is none the worse for it.
    agent.onRequest = (request) => agent.send(partsOf(request, documents(2)));
    expect(await documentsOf(await requester.request(outgoing(), {}, never))).toEqual(documents(2));
  });

  it("T11: fills the queue, and the requests that meanwhile come are answered when there is room again", async () => {
    const world = await RightsWorld.open(undo, { queue: { replies: { maxBytes: 60_000 } } });
    const attacker = await world.client("send-replies");
    const sender = attacker.createSender("replies");
    const filling = async (): Promise<string> => {
      for (let n = 0; n < 20; n++) {
        const sent = sender.sendMessages({ body: Buffer.alloc(9_000), sessionId: "rubbish" });
        const verdict = await refusal(sent);
        if (verdict !== "it was allowed") return verdict;
      }
      return "it was never full";
    };
    expect(await filling()).toBe("QuotaExceeded");
    // What is left for the answer of an agent.
    while ((await refusal(sender.sendMessages({ body: "x", sessionId: "y" }))) !== "QuotaExceeded");
    const agent = await world.startAgent();
    const asked = world.ask({ to: "/agent/health" });
    expect(await agent.logged("request.putBack")).toMatchObject({ because: "bus.busy" });
    const { active, locked, deadLettered } = await world.broker.stats("requests");
    expect([active + locked, deadLettered]).toEqual([1, 0]);
    for (const session of ["rubbish", "y"]) {
      const room = await world.client("listen-replies");
      const options = { receiveMode: "receiveAndDelete" } as const;
      const receiver = await room.acceptSession("replies", session, options);
      while ((await receiver.receiveMessages(100, { maxWaitTimeInMs: 500 })).length > 0);
    }
    expect((await asked).status).toBe("200");
    await expect
      .poll(() => world.broker.stats("requests"))
      .toMatchObject({ active: 0, locked: 0, deadLettered: 0 });
  });

  it("T11: keeps the queue full, and the requests end in the dead-letter queue as they came", async () => {
    const queue = { replies: { maxBytes: 8_000 }, requests: { maxDeliveryCount: 2 } };
    const world = await RightsWorld.open(undo, { queue });
    const sender = (await world.client("send-replies")).createSender("replies");
    while ((await refusal(sender.sendMessages({ body: "x", sessionId: "y" }))) !== "QuotaExceeded");
    await world.startAgent({ bus: { maxDeliveries: 1 } });
    const request = rawRequest({ ...search('userName eq "ada"'), replyTo: "replies" });
    const bus = await world.bus("send-requests");
    await bus.send("requests", { ...request, replyToSessionId: "somebody" });
    const [dead] = await world.deadLetters(1);
    expect(dead?.deadLetterReason).toBe("MaxDeliveryCountExceeded");
    expect([dead?.messageId, Buffer.from(dead?.body)]).toEqual([request.messageId, request.body]);
  });
});

describe("somebody with Listen on the reply queue", () => {
  it("T12: cannot take, settle or delay a part of a session that its requester holds", async () => {
    const { world, agent, requester } = await openExchange();
    const next = agent.next();
    const asked = requester.request(outgoing(), {}, never);
    const request = await next;
    const session = String(request.replyToSessionId);
    const thief = await world.client("listen-replies");
    const parts = partsOf(request, documents(3));
    await agent.send(parts.slice(0, 2));
    expect([
      await refusal(thief.acceptSession("replies", session)),
      await refusal(thief.acceptNextSession("replies", { maxAutoLockRenewalDurationInMs: 0 })),
      await refusal(thief.createReceiver("replies").receiveMessages(1, { maxWaitTimeInMs: 500 })),
      await refusal(
        thief.createReceiver("replies", { subQueueType: "deadLetter" }).receiveMessages(1, {
          maxWaitTimeInMs: 500,
        }),
      ),
    ]).toEqual(["SessionCannotBeLocked", "ServiceTimeout", "GeneralError", "it was allowed"]);
    await agent.send(parts.slice(2));
    expect(await documentsOf(await asked)).toEqual(documents(3));
  });

  it("T12: sees by peeking what lies in a session, whoever holds it, without a lock to settle it with", async () => {
    const world = await RightsWorld.open(undo);
    const owner = await world.client("requester");
    const held = await owner.acceptSession("replies", "held");
    const attacker = await world.bus("send-replies");
    await attacker.send("replies", { body: "of Ada", sessionId: "held" });
    const [part] = await held.receiveMessages(1);
    const thief = (await world.client("listen-replies")).createReceiver("replies");
    const [peeked] = await thief.peekMessages(1);
    expect([peeked?.body, peeked?.sessionId, peeked?.lockToken]).toEqual([
      "of Ada",
      "held",
      undefined,
    ]);
    if (part !== undefined) await held.completeMessage(part);
    expect(await thief.peekMessages(1)).toEqual([]);
  });
});
