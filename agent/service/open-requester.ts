import { ServiceBusRequester } from "../bus/service-bus-requester.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { AgentError } from "../core/error.ts";
import type { Log, Requester } from "../ports.ts";
import { readBusCredential } from "./bus-credential.ts";

/**
 * A requester on the queues of an agent's configuration, as the cloud side has one.
 * @throws AgentError `config.invalid` when a secret is not there, `usage` when the reply queue is not one of the agent's
 */
export async function openRequester(
  bus: AgentConfig["bus"],
  { log, replyQueue }: { readonly log: Log; readonly replyQueue?: string | undefined },
): Promise<Requester> {
  const [first = ""] = bus.replyQueues;
  if (replyQueue !== undefined && !bus.replyQueues.includes(replyQueue)) {
    throw new AgentError("usage", `the agent does not reply to ${replyQueue}`, {
      hint: `one of bus.replyQueues: ${bus.replyQueues.join(", ")}`,
    });
  }
  const credential = await readBusCredential(bus);
  const { requestQueue } = bus;
  return new ServiceBusRequester(
    { credential, requestQueue, replyQueue: replyQueue ?? first },
    { log },
  );
}
