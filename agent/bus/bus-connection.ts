import type { TokenCredential, TokenCredentialOptions } from "@azure/identity";
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
import { HttpsProxyAgent } from "https-proxy-agent";
import { WebSocket } from "ws";
import { AgentError } from "../core/error.ts";
import { cutClient } from "./client-cut.ts";

const CLOSE_TIMEOUT_MS = 5_000;
/** How long a WebSocket waits for its peer's close frame until its socket is ended; 30 s unless told. */
const WEB_SOCKET_CLOSE_MS = 2_000;
const HTTP_PORT = 80;

/** What the client takes for the endpoint of a connection string. */
const ENDPOINT = /(?:^|;)\s*Endpoint\s*=([^;]*)/;
const ENTITY_PATH = /;\s*EntityPath\s*=\s*[^;\s]/i;
/** The base64 of a key ends with `=` and is none. */
const ENDPOINT_FORM = /^[a-z]+:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?\/?$/i;

/** How the agent proves itself to the namespace. */
type SignIn =
  | { readonly kind: "connectionString"; readonly connectionString: string }
  | { readonly kind: "default"; readonly namespace: string }
  | {
      readonly kind: "clientCertificate";
      readonly namespace: string;
      readonly tenantId: string;
      readonly clientId: string;
      /** Certificate and private key, PEM. */
      readonly certificate: string;
    }
  | {
      readonly kind: "clientSecret";
      readonly namespace: string;
      readonly tenantId: string;
      readonly clientId: string;
      readonly clientSecret: string;
    };

/** AMQP over WebSocket, which needs port 443 alone. */
export interface WebSocketTransport {
  /** URL of an HTTP proxy, with user and password when it asks for them. */
  readonly proxy?: string;
  /** Authorities to trust instead of those of the system, PEM. */
  readonly ca?: string;
}

/** How the agent reaches the namespace and proves itself. Without `webSocket`: AMQP over TLS, port 5671. */
export type BusCredential = SignIn & { readonly webSocket?: WebSocketTransport };

/** A way to sign in, by the name of the option that holds it. */
export interface NamedCredential {
  readonly name: string;
  readonly credential: BusCredential;
}

/**
 * The configured ways to sign in as they are now, the preferred one first.
 * @throws AgentError `config.invalid` when a secret or a file is not there
 */
export type ReadCredentials = () => Promise<readonly NamedCredential[]>;

/** Milliseconds that the client waits for an answer of the broker, until it tries once more or gives up. */
export const ATTEMPT_MS = 15_000;

/**
 * Short time-outs and few retries: the client's defaults let a lost connection go unnoticed for minutes
 * (60 s x 4 attempts, 30 s between two). What matters is tried again by the caller, who knows its deadline.
 */
const RETRY: RetryOptions = {
  mode: 0,
  maxRetries: 1,
  retryDelayInMs: 1_000,
  maxRetryDelayInMs: 30_000,
  timeoutInMs: ATTEMPT_MS,
};

/**
 * One connection to the namespace. Does no I/O until it is used.
 * @throws AgentError `config.invalid` when the connection string is none
 */
export function createBusClient(credential: BusCredential): ServiceBusClient {
  const options: ServiceBusClientOptions = {
    retryOptions: RETRY,
    ...webSocketOptions(credential.webSocket),
  };
  if (credential.kind !== "connectionString") {
    return new ServiceBusClient(credential.namespace, createTokenCredential(credential), options);
  }
  try {
    const { connectionString } = credential;
    // A key that stands there by mistake would be looked up as a name, and then repeated by whoever did not find it.
    const endpoint = ENDPOINT.exec(connectionString)?.[1] ?? "";
    if (!ENDPOINT_FORM.test(endpoint.trim())) throw new TypeError("the endpoint is none");
    // Of one queue; the client would refuse every other one when it is first used.
    if (ENTITY_PATH.test(connectionString)) throw new TypeError("of one queue");
    return new ServiceBusClient(connectionString, options);
  } catch {
    // What the client says may hold parts of the string.
    throw new AgentError("config.invalid", "the connection string of the bus cannot be used", {
      hint: "expected Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…, without EntityPath",
    });
  }
}

function webSocketOptions(transport: WebSocketTransport | undefined): ServiceBusClientOptions {
  if (transport === undefined) return {};
  const { proxy, ca } = transport;
  return {
    webSocketOptions: {
      webSocket: WebSocket,
      webSocketConstructorOptions: {
        closeTimeout: WEB_SOCKET_CLOSE_MS,
        ...(proxy === undefined ? {} : { agent: new HttpsProxyAgent(proxy) }),
        ...(ca === undefined ? {} : { ca }),
      },
    },
  };
}

/** What signs in to Microsoft Entra ID, by the same proxy. Does no I/O until it is used. */
export function createTokenCredential(
  credential: Exclude<BusCredential, { kind: "connectionString" }>,
): TokenCredential {
  const options = proxyOptions(credential.webSocket?.proxy);
  switch (credential.kind) {
    case "default":
      return new DefaultAzureCredential(options);
    case "clientCertificate": {
      const { tenantId, clientId, certificate } = credential;
      return new ClientCertificateCredential(tenantId, clientId, { certificate }, options);
    }
    case "clientSecret": {
      const { tenantId, clientId, clientSecret } = credential;
      return new ClientSecretCredential(tenantId, clientId, clientSecret, options);
    }
  }
}

function proxyOptions(proxy: string | undefined): TokenCredentialOptions {
  if (proxy === undefined) return {};
  const { protocol, hostname, port, username, password } = new URL(proxy);
  const user = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
  return {
    proxyOptions: {
      host: `${protocol}//${hostname}`,
      port: Number(port === "" ? HTTP_PORT : port),
      ...(username === "" ? {} : user),
    },
  };
}

/**
 * Closes a client. A peer that does not answer is waited for a few seconds and then left, its socket with it. Never
 * rejects.
 */
export async function closeBusClient(client: ServiceBusClient): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  });
  const closing = client.close().catch(() => undefined);
  await Promise.race([closing, limit]);
  clearTimeout(timer);
  // Also when it says that it is closed: the socket of a peer that never answered its open would stay for ever.
  cutClient(client);
}
