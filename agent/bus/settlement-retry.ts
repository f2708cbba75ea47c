import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { AgentError, type ErrorCode } from "../core/error.ts";
import type { DeadLetterText, Settlement, SettleOutcome } from "./settlement.ts";

const RETRY_MS = 1_000;
/** Longest time to try: the work is done and sent, so that a second answering is all there is to lose. */
const PATIENCE_MS = 60_000;
/** What another connection, or another key, may mend. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(["bus.unreachable", "bus.denied", "bus.busy"]);

export interface RetriedSettlementOptions {
  /** The settlement of the connection as it is now; it is replaced when the connection dies. */
  readonly current: () => Settlement;
  /** Told of each failure that another connection may mend. */
  readonly onFailure: (error: AgentError) => void;
  /** Once aborted, nothing is tried a second time. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * Settles over whatever connection there is at the time, and tries for as long as the lock holds: a broker that is back
 * before then does not deliver the message again.
 */
export class RetriedSettlement implements Settlement {
  readonly #options: RetriedSettlementOptions;

  constructor(options: RetriedSettlementOptions) {
    this.#options = options;
  }

  complete(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) {
    return this.#retry(message, (by) => by.complete(receiver, message));
  }

  abandon(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    properties?: Readonly<Record<string, string | number | boolean>>,
  ) {
    return this.#retry(message, (by) => by.abandon(receiver, message, properties));
  }

  deadLetter(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
    reason: DeadLetterText,
  ) {
    return this.#retry(message, (by) => by.deadLetter(receiver, message, reason));
  }

  /** Once: whoever keeps a lock has a time-table of its own. */
  renewLock(
    receiver: ServiceBusReceiver,
    message: ServiceBusReceivedMessage,
  ): Promise<Date | "lock lost"> {
    return this.#options.current().renewLock(receiver, message);
  }

  /** Nothing: the settlements belong to their connections. */
  async close(): Promise<void> {}

  async #retry(
    message: ServiceBusReceivedMessage,
    act: (by: Settlement) => Promise<SettleOutcome>,
  ): Promise<SettleOutcome> {
    const { current, onFailure, signal, now } = this.#options;
    const patienceEnds = now() + PATIENCE_MS;
    for (;;) {
      try {
        return await act(current());
      } catch (error) {
        if (!(error instanceof AgentError) || !RETRIED.has(error.code)) throw error;
        onFailure(error);
        const lockEnds = message.lockedUntilUtc?.getTime() ?? 0;
        if (signal.aborted || now() >= Math.min(patienceEnds, lockEnds)) throw error;
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
