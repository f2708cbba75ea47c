import type { TokenCredential } from "@azure/identity";
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
} from "@azure/identity";
import {
  type RetryOptions,
  ServiceBusClient,
  type ServiceBusClientOptions,
} from "@azure/service-bus";

/** How the agent proves itself to the namespace. */
export type BusCredential =
  | { readonly kind: "connectionString"; readonly connectionString: string }
  | { readonly kind: "default"; readonly namespace: string }
  | {
      readonly kind: "clientCertificate";
      readonly namespace: string;
      readonly tenantId: string;
      readonly clientId: string;
      readonly certificatePath: string;
    }
  | {
      readonly kind: "clientSecret";
      readonly namespace: string;
      readonly tenantId: string;
      readonly clientId: string;
      readonly clientSecret: string;
    };

/**
 * Short time-outs and few retries: the client's defaults let a lost connection go unnoticed for minutes
 * (60 s x 4 attempts, 30 s between two). What matters is tried again by the caller, who knows its deadline.
 */
const RETRY: RetryOptions = {
  mode: 0,
  maxRetries: 1,
  retryDelayInMs: 1_000,
  maxRetryDelayInMs: 30_000,
  timeoutInMs: 15_000,
};

/** One connection to the namespace. Does no I/O until it is used. */
export function createBusClient(credential: BusCredential): ServiceBusClient {
  const options: ServiceBusClientOptions = { retryOptions: RETRY };
  if (credential.kind === "connectionString") {
    return new ServiceBusClient(credential.connectionString, options);
  }
  return new ServiceBusClient(credential.namespace, toTokenCredential(credential), options);
}

function toTokenCredential(
  credential: Exclude<BusCredential, { kind: "connectionString" }>,
): TokenCredential {
  switch (credential.kind) {
    case "default":
      return new DefaultAzureCredential();
    case "clientCertificate": {
      const { tenantId, clientId, certificatePath } = credential;
      return new ClientCertificateCredential(tenantId, clientId, { certificatePath });
    }
    case "clientSecret":
      return new ClientSecretCredential(
        credential.tenantId,
        credential.clientId,
        credential.clientSecret,
      );
  }
}

/** Closes a client without waiting for a peer that does not answer (it may take a minute). Never rejects. */
export async function closeBusClient(client: ServiceBusClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  await Promise.race([client.close().catch(() => undefined), limit]);
  clearTimeout(timer);
}

const CLOSE_TIMEOUT_MS = 5_000;
