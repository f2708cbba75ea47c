import type { ServiceBusMessage, ServiceBusReceivedMessage } from "@azure/service-bus";
import { describe, expect } from "vitest";
import type { Bench } from "./bench.ts";
import { operation } from "./operation.ts";

type AmqpAnnotatedMessage = ServiceBusReceivedMessage["_rawAmqpMessage"];

const MINUTE = 60_000;
const DATE = new Date(1_700_000_000_123);

async function roundTrip(
  bench: Bench,
  message: ServiceBusMessage | AmqpAnnotatedMessage,
): Promise<ServiceBusReceivedMessage> {
  await bench.sender().sendMessages(message);
  return bench.takeOne(bench.receiver({ skipConvertingDate: true }));
}

export function describeMessages(): void {
  describe("ServiceBusMessage", () => {
    operation("every property", "plain", async (bench) => {
      const sent: ServiceBusMessage = {
        body: Buffer.from("body"),
        messageId: "m-1",
        correlationId: "c-1",
        subject: "POST",
        to: "/Users",
        replyTo: "replies",
        replyToSessionId: "s-1",
        contentType: "application/scim+json",
        timeToLive: MINUTE,
        partitionKey: "p",
        applicationProperties: { text: "ä", number: 5 },
      };
      const before = Date.now();
      const message = await roundTrip(bench, sent);
      const seen = Object.fromEntries(
        Object.keys(sent).map((key) => [key, message[key as "body"]]),
      );
      expect(seen).toEqual(sent);
      const { deliveryCount, state, lockToken, enqueuedTimeUtc, expiresAtUtc } = message;
      expect([deliveryCount, state]).toEqual([0, "active"]);
      expect(lockToken).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(Math.abs((enqueuedTimeUtc?.getTime() ?? 0) - before)).toBeLessThan(MINUTE / 2);
      const life = (expiresAtUtc?.getTime() ?? 0) - (enqueuedTimeUtc?.getTime() ?? 0);
      expect(life).toBe(MINUTE);
      expect(message.enqueuedSequenceNumber).toBe(message.sequenceNumber?.toNumber());
    });

    operation("sequence numbers grow", "plain", async (bench) => {
      await bench.send("a", "b");
      await bench.send("c");
      const numbers = (await bench.take(bench.receiver(), 3)).map((message) =>
        Number(message.sequenceNumber),
      );
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(new Set(numbers).size).toBe(3);
    });

    operation("applicationProperties of every type", "plain", async (bench) => {
      const applicationProperties = {
        text: "ä€😀",
        empty: "",
        zero: 0,
        int: 5,
        negative: -2_000_000_000,
        long: 2 ** 40,
        double: 1.5,
        yes: true,
        no: false,
        date: DATE,
        none: null,
      };
      const message = await roundTrip(bench, { body: "x", applicationProperties });
      expect(message.applicationProperties).toEqual(applicationProperties);
    });

    const BODIES: readonly (readonly [string, unknown])[] = [
      ["text", "ä€😀"],
      ["a number", -1.5],
      ["an object", { a: [1, { b: null }], c: true }],
      ["a list", [1, "two", false]],
      ["null", null],
      ["bytes", Buffer.from([0, 255, 128, 10])],
      ["no bytes", Buffer.alloc(0)],
    ];
    for (const [name, body] of BODIES) {
      operation(`a body of ${name}`, "plain", async (bench) => {
        expect((await roundTrip(bench, { body })).body).toEqual(body);
      });
    }

    operation("skipParsingBodyAsJson leaves the bytes", "plain", async (bench) => {
      await bench.sender().sendMessages({ body: { a: 1 } });
      const message = await bench.takeOne(bench.receiver({ skipParsingBodyAsJson: true }));
      expect(message.body).toEqual(Buffer.from('{"a":1}'));
    });
  });

  describe("AmqpAnnotatedMessage", () => {
    operation("every section", "plain", async (bench) => {
      const sent: AmqpAnnotatedMessage = {
        bodyType: "value",
        body: "text",
        header: { durable: true, priority: 7, timeToLive: MINUTE },
        messageAnnotations: { "x-mine": 1, "x-opt-partition-key": "p" },
        applicationProperties: { date: DATE },
        footer: { sum: "abc" },
        properties: {
          messageId: "m-1",
          correlationId: "c-1",
          to: "to",
          subject: "subject",
          replyTo: "reply",
          contentType: "text/plain",
          contentEncoding: "gzip",
          groupSequence: 3,
          replyToGroupId: "g",
          creationTime: DATE.getTime(),
        },
      };
      const raw = (await roundTrip(bench, sent))._rawAmqpMessage;
      const { "x-mine": mine, "x-opt-partition-key": key } = raw.messageAnnotations ?? {};
      expect({
        bodyType: raw.bodyType,
        body: raw.body,
        header: { ...raw.header, firstAcquirer: undefined, deliveryCount: undefined },
        messageAnnotations: { "x-mine": mine, "x-opt-partition-key": key },
        applicationProperties: raw.applicationProperties,
        footer: raw.footer,
        properties: Object.fromEntries(
          Object.keys(sent.properties ?? {}).map((name) => [name, raw.properties?.[name as "to"]]),
        ),
      }).toEqual(sent);
    });

    const VALUES: readonly (readonly [string, unknown])[] = [
      ["text", "ä"],
      ["an int", 5],
      ["a long", 2 ** 40],
      ["a double", 0.1],
      ["a boolean", true],
      ["a map", { a: 1, b: ["x", { c: false }] }],
      ["a list", [1, "two", [3]]],
      ["a timestamp", DATE],
      ["null", null],
    ];
    for (const [name, body] of VALUES) {
      operation(`a value body of ${name}`, "plain", async (bench) => {
        const message = await roundTrip(bench, { bodyType: "value", body });
        expect([message._rawAmqpMessage.bodyType, message.body]).toEqual(["value", body]);
      });
    }

    operation("a sequence body", "plain", async (bench) => {
      const body = [1, "two", { three: 3 }, [4]];
      const message = await roundTrip(bench, { bodyType: "sequence", body });
      expect([message._rawAmqpMessage.bodyType, message.body]).toEqual(["sequence", body]);
    });

    operation("a data body", "plain", async (bench) => {
      const body = Buffer.from([0, 1, 2]);
      const message = await roundTrip(bench, { bodyType: "data", body });
      expect([message._rawAmqpMessage.bodyType, message.body]).toEqual(["data", body]);
    });

    operation("its body survives a deferral and a dead-lettering", "plain", async (bench) => {
      await bench.sender().sendMessages({ bodyType: "sequence", body: [1, "two"] });
      const receiver = bench.receiver();
      await receiver.deadLetterMessage(await bench.takeOne(receiver), {
        deadLetterReason: "r",
        deadLetterErrorDescription: "d",
      });
      const dead = bench.deadLetters();
      const message = await bench.takeOne(dead);
      await dead.deferMessage(message);
      const numbers = [message.sequenceNumber].flatMap((number) => number ?? []);
      const [deferred] = await dead.receiveDeferredMessages(numbers);
      expect([deferred?._rawAmqpMessage.bodyType, deferred?.body]).toEqual([
        "sequence",
        [1, "two"],
      ]);
      if (deferred !== undefined) await dead.completeMessage(deferred);
    });
  });
}
