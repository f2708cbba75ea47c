import type { ServiceBusClient } from "@azure/service-bus";
import rhea from "rhea";

/** What the client sends to `$management`, also for operations that it has no method for. */
interface ManagementClient {
  readonly replyTo: string;
  initWithUniqueReplyTo(options?: object): Promise<object>;
  /** @param since only sessions that were touched later; the end of time: sessions that have messages */
  listMessageSessions(skip: number, top: number, since?: Date): Promise<string[]>;
  _makeManagementRequest(request: object, log: object, options: object): Promise<ManagementAnswer>;
}

export interface ManagementAnswer {
  readonly body?: Record<string, unknown>;
  readonly application_properties: object;
}

export function managementOf(client: ServiceBusClient, entity: string): ManagementClient {
  const { _connectionContext: context } = client as unknown as {
    readonly _connectionContext: { getManagementClient(entity: string): ManagementClient };
  };
  return context.getManagementClient(entity);
}

const silent = (): undefined => undefined;
const LOG = { error: silent, warning: silent, info: silent, verbose: silent, logError: silent };

/** @throws ServiceBusError when the answer has an error */
export async function requestManagement(
  client: ServiceBusClient,
  entity: string,
  operation: string,
  body: object,
): Promise<ManagementAnswer> {
  const management = managementOf(client, entity);
  const options = await management.initWithUniqueReplyTo({});
  const message = { body, reply_to: management.replyTo, application_properties: { operation } };
  return management._makeManagementRequest(message, LOG, options);
}

/** @returns how many messages the queue says that it deleted */
export async function deleteMessages(
  client: ServiceBusClient,
  entity: string,
  count: number,
  before = new Date(Date.now() + 60_000),
): Promise<number> {
  const body = { "message-count": rhea.types.wrap_int(count), "enqueued-time-utc": before };
  const operation = "com.microsoft:batch-delete-messages";
  const answer = await requestManagement(client, entity, operation, body);
  return Number(answer.body?.["message-count"] ?? 0);
}
