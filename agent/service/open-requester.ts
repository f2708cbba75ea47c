import { RetryingRequester } from "../bus/retrying-requester.ts";
import { ServiceBusRequester } from "../bus/service-bus-requester.ts";
import { SpillingPartStaging } from "../bus/spilling-part-stage.ts";
import { AgentError } from "../core/error.ts";
import type { Log, Requester } from "../ports.ts";
import { type BusConfig, readBusCredentials } from "./bus-credential.ts";

/** As an agent's configuration says it, or a provisioning service's. */
export type RequesterBus = BusConfig & {
  readonly requestQueue: string;
  readonly replyQueues: readonly string[];
};

export interface OpenRequesterOptions {
  readonly log: Log;
  readonly replyQueue?: string | undefined;
  /** Whether what may pass is tried again while the request's time lasts. */
  readonly retry?: boolean | undefined;
}

/**
 * A requester, as the cloud side has one. Long answers wait in the system's
 * temporary folder, short ones in memory; secrets are read again for every new connection.
 * @throws AgentError `config.invalid` when a secret is not there, `usage` when the reply queue is not one of the agent's
 */
export async function openRequester(
  bus: RequesterBus,
  { log, replyQueue, retry = false }: OpenRequesterOptions,
): Promise<Requester> {
  const [first = ""] = bus.replyQueues;
  if (replyQueue !== undefined && !bus.replyQueues.includes(replyQueue)) {
    throw new AgentError("usage", `the agent does not reply to ${replyQueue}`, {
      hint: `one of bus.replyQueues: ${bus.replyQueues.join(", ")}`,
    });
  }
  // A secret that is missing now is said now.
  await readBusCredentials(bus);
  const requester = new ServiceBusRequester(
    {
      credential: () => readBusCredentials(bus),
      requestQueue: bus.requestQueue,
      replyQueue: replyQueue ?? first,
      staging: new SpillingPartStaging({ log }),
    },
    { log },
  );
  if (!retry) return requester;
  const clock = { now: () => Date.now() };
  return new RetryingRequester(requester, { clock, random: () => Math.random(), log });
}
