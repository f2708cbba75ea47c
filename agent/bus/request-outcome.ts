import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import type { AnswerSummary } from "./answer-writer.ts";
import type { Refusal } from "./request-envelope.ts";
import type { Settlement } from "./settlement.ts";

/** How the work on one delivery ended, and so how it is settled. */
export type RequestOutcome =
  | { readonly kind: "answered"; readonly summary: AnswerSummary }
  | { readonly kind: "expired" }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "given up" }
  | { readonly kind: "put back"; readonly because: string }
  | { readonly kind: "lock lost" };

export interface SettleOptions {
  readonly settlement: Settlement;
  readonly receiver: ServiceBusReceiver;
  readonly message: ServiceBusReceivedMessage;
  readonly maxDeliveries: number;
  readonly log: Log;
  /** How long the work took. */
  readonly ms: number;
}

/**
 * Settles a request as its outcome says, and logs it: one line a request.
 * @throws AgentError `bus.*` when the broker cannot be told; the request is delivered again then
 */
export async function settleOutcome(
  outcome: RequestOutcome,
  options: SettleOptions,
): Promise<void> {
  const { settlement, receiver, message, maxDeliveries, log, ms } = options;
  switch (outcome.kind) {
    case "answered": {
      const settled = await settlement.complete(receiver, message);
      const { failure, ...summary } = outcome.summary;
      if (failure === undefined) log.info("request.answered", { ...summary, ms, settled });
      else log.warn("request.failed", { ...summary, ms, settled, ...failureFields(failure) });
      return;
    }
    case "expired":
      log.warn("request.expired", { ms, settled: await settlement.complete(receiver, message) });
      return;
    case "refused": {
      const settled = await settlement.deadLetter(receiver, message, outcome.refusal);
      log.warn("request.deadLettered", { ...outcome.refusal, settled });
      return;
    }
    case "given up": {
      const settled = await settlement.deadLetter(receiver, message, {
        reason: "DeliveriesExhausted",
        description: `The request was delivered more than ${maxDeliveries} times and never finished; the requester was told with a 500. Look at the agents' logs for its request id.`,
      });
      log.error("request.deadLettered", { reason: "DeliveriesExhausted", settled });
      return;
    }
    case "put back":
      await settlement.abandon(receiver, message);
      log.warn("request.putBack", { because: outcome.because, ms });
      return;
    case "lock lost":
      // Another agent answers it, or has: what was sent is dropped by the requester.
      log.warn("request.lockLost", { ms });
      return;
  }
}

function failureFields(failure: unknown): Readonly<Record<string, unknown>> {
  if (!(failure instanceof AgentError)) return { error: failure };
  return { code: failure.code, reason: failure.message, hint: failure.hint };
}
