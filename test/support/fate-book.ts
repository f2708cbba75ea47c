import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { DEAD_LETTER_REASONS } from "../../agent/bus/dead-letter.ts";
import type { AgentProcess } from "./command.ts";
import type { FuzzedMessage } from "./fuzzed-messages.ts";

/** Messages that a failure names. */
const MAX_NAMED = 20;

/**
 * What became of each message that was sent. A fate is an answer's status, the reason of a dead letter, or `expired`.
 * Who sends no message id gets one from the client: what becomes of such a message is known by that id alone, and is
 * counted against the messages that nothing else is known of.
 */
export class FateBook {
  /** By number, or by an id that none of the messages was given. */
  readonly #fates = new Map<number | string, string[]>();
  readonly #expired = new Set<number | string>();
  readonly #numberById = new Map<unknown, number>();
  #lines = 0;

  expect(messages: readonly FuzzedMessage[]): void {
    for (const { n, messageId } of messages) this.#numberById.set(messageId, n);
  }

  /** A part of an answer; the last one tells. */
  answer({ applicationProperties, correlationId, subject }: ServiceBusReceivedMessage): void {
    if (applicationProperties?.["last"] !== true) return;
    this.#add(this.#keyOf(correlationId), String(subject));
  }

  deadLetter(message: ServiceBusReceivedMessage): void {
    const named = message.applicationProperties?.["n"];
    const key = typeof named === "number" ? named : this.#keyOf(message.messageId);
    const reason = String(message.deadLetterReason);
    this.#add(key, reason === "TTLExpiredException" ? "expired" : reason);
  }

  /** How many messages something became of, as far as is known now. */
  settled(agent: AgentProcess): number {
    this.#readLog(agent);
    const dropped = [...this.#expired].filter((key) => !this.#fates.has(key));
    return this.#fates.size + dropped.length;
  }

  /** How many messages each fate had. */
  counts(agent: AgentProcess): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const [, fates] of this.#all(agent)) {
      const fate = fates.join(" and ");
      counts[fate] = (counts[fate] ?? 0) + 1;
    }
    return counts;
  }

  /** Messages with more than one fate, and with one that must not be. */
  wrong(agent: AgentProcess): readonly unknown[] {
    return this.#all(agent).filter(([, fates]) => fates.length !== 1 || !fates.every(isAllowed));
  }

  /** Names messages that have an id and that nothing is known of. */
  pending(): string {
    const pending = [...this.#numberById].filter(
      ([, n]) => !this.#fates.has(n) && !this.#expired.has(n),
    );
    const named = pending.filter(([id]) => id !== undefined).map(([, n]) => n);
    return named.slice(0, MAX_NAMED).join(", ");
  }

  #all(agent: AgentProcess): readonly (readonly [number | string, readonly string[]])[] {
    this.#readLog(agent);
    const dropped = [...this.#expired].filter((key) => !this.#fates.has(key));
    return [...this.#fates, ...dropped.map((key) => [key, ["expired"]] as const)];
  }

  #keyOf(id: unknown): number | string {
    return this.#numberById.get(id) ?? String(id);
  }

  #add(key: number | string, fate: string): void {
    const known = this.#fates.get(key);
    if (known === undefined) this.#fates.set(key, [fate]);
    else known.push(fate);
  }

  /** What the agent drops since its deadline has passed is in its log alone; an answer may have left just before. */
  #readLog({ log }: AgentProcess): void {
    for (; this.#lines < log.length; this.#lines++) {
      const line = log[this.#lines];
      if (line?.event === "request.expired") this.#expired.add(this.#keyOf(line["requestId"]));
    }
  }
}

function isAllowed(fate: string): boolean {
  // RFC 7644 sections 3.7 and 3.11: /Bulk and /Me may be left out, with a 501.
  if (fate === "expired" || fate === "503" || fate === "501") return true;
  if (/^[24]\d\d$/.test(fate)) return true;
  return Object.hasOwn(DEAD_LETTER_REASONS, fate) && fate !== "DeliveriesExhausted";
}
