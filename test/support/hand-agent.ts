import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
  type ServiceBusSender,
} from "@azure/service-bus";
import { sha256Of } from "../../agent/bus/part-body.ts";
import { toPartMessage } from "../../agent/bus/part-message.ts";
import { digestOf } from "../../agent/core/answer-assembly.ts";

export interface HandAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly restMs?: number;
}

/** The parts of one answering of a request, as an agent would send them. */
export function partsOf(
  request: Pick<ServiceBusReceivedMessage, "messageId" | "replyToSessionId">,
  documents: readonly object[],
  { status = 200, headers = {}, restMs = 60_000 }: HandAnswer = {},
): ServiceBusMessage[] {
  const answer = randomUUID();
  const bodies = documents.map((document) => Buffer.from(JSON.stringify(document)));
  const digest = digestOf(bodies.map((body) => ({ sha256: sha256Of(body) })));
  const items = documents.reduce(
    (sum, document) =>
      sum + ("Resources" in document ? (document.Resources as unknown[]).length : 0),
    0,
  );
  return bodies.map((body, part) =>
    toPartMessage(
      {
        answer,
        part,
        status,
        ...(part === bodies.length - 1 ? { end: { parts: bodies.length, items, digest } } : {}),
      },
      {
        requestId: String(request.messageId),
        sessionId: request.replyToSessionId,
        body,
        gzip: false,
        agent: "by-hand/1.0.0",
        configuration: "none",
        headers,
        restMs,
      },
    ),
  );
}

/** An agent whose every step is the test's: the plain client, straight to the broker. */
export class HandAgent {
  readonly #client: ServiceBusClient;
  readonly #waiting: ((request: ServiceBusReceivedMessage) => void)[] = [];
  readonly received: ServiceBusReceivedMessage[] = [];
  #sender: ServiceBusSender | undefined;
  /** Answers every request by itself when set. */
  onRequest: ((request: ServiceBusReceivedMessage) => Promise<void>) | undefined;

  constructor(connectionString: string) {
    this.#client = new ServiceBusClient(connectionString, {
      retryOptions: { maxRetries: 3, retryDelayInMs: 200, timeoutInMs: 5_000 },
    });
  }

  start(): void {
    const receiver = this.#client.createReceiver("requests", {
      receiveMode: "receiveAndDelete",
      skipParsingBodyAsJson: true,
    });
    receiver.subscribe(
      {
        processMessage: async (request) => {
          this.received.push(request);
          const waiting = this.#waiting.shift();
          if (waiting !== undefined) waiting(request);
          else await this.onRequest?.(request);
        },
        processError: async () => {},
      },
      { maxConcurrentCalls: 64 },
    );
  }

  /** The next request that comes. */
  next(): Promise<ServiceBusReceivedMessage> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async send(parts: readonly ServiceBusMessage[], { pauseMs = 0 } = {}): Promise<void> {
    this.#sender ??= this.#client.createSender("replies");
    const sender = this.#sender;
    for (const part of parts) {
      await sender.sendMessages(part);
      if (pauseMs > 0) await sleep(pauseMs);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
