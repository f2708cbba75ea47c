import { z } from "zod";
import { MIN_PART_BYTES } from "../core/part-document.ts";
import { checkBus } from "./bus-check.ts";
import {
  choice,
  duration,
  EVEN_WHEN_WRONG,
  expected,
  expectedKind,
  path,
  refuseTwins,
  secret,
  section,
  text,
  whole,
} from "./option.ts";
import type { Secret, SecretContext } from "./secret.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** An agent answers to a few provisioning services, not to a crowd. */
const MAX_REPLY_QUEUES = 32;

/** A queue's MaxDeliveryCount is 2000 at most, and the agent's own limit stays below. */
const MAX_DELIVERIES = 1999;

/** Largest message of Service Bus Premium. */
const MAX_PART_BYTES = 100 * 1024 * 1024;

const NAMESPACE_PATTERN =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})+$/;
const QUEUE_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9_])?$/;
const ID_PATTERN = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/;
/** User and password have no place in it: they are a secret. */
const PROXY_PATTERN =
  /^http:\/\/(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):[1-9]\d{0,4}\/?$/;

const ONE_SIGN_IN = {
  oneOf: [{ required: ["connectionString"] }, { required: ["namespace", "credential"] }],
};

function queueName() {
  return text({
    form: "the name of a queue: letters, digits, periods, hyphens, underscores and slashes",
    pattern: QUEUE_PATTERN,
    title: "queue name",
  });
}

function tenantId() {
  return text({
    form: "a tenant id or a domain of the tenant",
    pattern: TENANT_PATTERN,
    title: "tenant id",
  }).describe("Tenant that holds the application.");
}

function clientId() {
  return text({
    form: "the application (client) id, a GUID",
    pattern: ID_PATTERN,
    title: "GUID",
  }).describe("Application (client) id.");
}

function credentialSection(context: SecretContext) {
  return z.discriminatedUnion(
    "kind",
    [
      section({
        kind: choice(["default"]).describe(
          "`default` tries what the machine offers: environment, managed identity, Azure CLI. `clientCertificate` and `clientSecret` sign in as an application.",
        ),
      }),
      section({
        kind: choice(["clientCertificate"]),
        tenantId: tenantId(),
        clientId: clientId(),
        certificatePath: path(context).describe(
          "PEM file with the certificate and its private key.",
        ),
      }),
      section({
        kind: choice(["clientSecret"]),
        tenantId: tenantId(),
        clientId: clientId(),
        clientSecret: secret(context).describe("Secret of the application."),
      }),
    ],
    expectedKind("kind", ["default", "clientCertificate", "clientSecret"]),
  );
}

type BusCredential = z.output<ReturnType<typeof credentialSection>>;

/** How the agent proves to Service Bus who it is. */
export type BusConnection =
  | {
      readonly kind: "connectionString";
      readonly connectionString: Secret;
      readonly second: Secret | undefined;
    }
  | { readonly kind: "namespace"; readonly namespace: string; readonly credential: BusCredential };

/** The way to the namespace, the same for whoever answers and whoever asks. */
function signInShape(context: SecretContext) {
  return {
    connectionString: secret(context)
      .optional()
      .describe(
        "Connection string of the namespace. Exactly one of `connectionString` and `namespace` is given.",
      ),
    secondConnectionString: secret(context)
      .optional()
      .describe(
        "Connection string with the other key. It takes over when `connectionString` is refused, so that keys can be rotated one after the other.",
      ),
    namespace: text({
      form: "a host name such as contoso.servicebus.windows.net, without sb://",
      pattern: NAMESPACE_PATTERN,
      title: "host name",
    })
      .optional()
      .describe(
        "Host name of the namespace, for sign-in without a shared key. Needs `credential`.",
      ),
    credential: credentialSection(context).optional().describe("How to sign in to `namespace`."),
    transport: choice(["amqp", "webSocket"])
      .default("amqp")
      .describe(
        "`amqp` needs port 5671 outbound, `webSocket` port 443 alone. To trust a private authority with `amqp`, set NODE_EXTRA_CA_CERTS in the environment of the agent's service.",
      ),
    proxy: text({
      form: "http://host:port, without user and password",
      pattern: PROXY_PATTERN,
      title: "URL",
    })
      .optional()
      .describe(
        "HTTP proxy towards Service Bus and the sign-in. Only with `transport: webSocket`.",
      ),
    proxyCredential: secret(context)
      .optional()
      .describe("User and password for `proxy`, as `user:password`."),
    ca: path(context)
      .optional()
      .describe(
        "PEM file with the certificates of the authorities to trust for Service Bus, instead of those of the system. Only with `transport: webSocket`.",
      ),
  };
}

/** Where requests are sent to and replies come from. */
export function requesterBusSection(context: SecretContext) {
  return section({
    ...signInShape(context),
    requestQueue: queueName().describe("Queue that the agents receive requests from."),
    replyQueue: queueName().describe(
      "Queue with sessions that the agents send replies to; one of their `bus.replyQueues`.",
    ),
  })
    .superRefine((bus, issues) => checkBus(bus, issues), EVEN_WHEN_WRONG)
    .transform(
      ({
        connectionString,
        secondConnectionString,
        namespace,
        credential,
        replyQueue,
        ...bus
      }) => ({
        ...bus,
        replyQueues: [replyQueue],
        connection: connectionOf({
          connectionString,
          secondConnectionString,
          namespace,
          credential,
        }),
      }),
    )
    .meta(ONE_SIGN_IN);
}

/** Where requests come from and replies go to. */
export function busSection(context: SecretContext) {
  return section({
    ...signInShape(context),
    requestQueue: queueName().describe("Queue that requests are received from."),
    writeQueue: queueName()
      .optional()
      .describe(
        "Queue of their own for requests that write, so that the right to send them can be given on its own. They are then refused on `requestQueue`, and everything else here. Not given: one queue for all.",
      ),
    replyQueues: z
      .array(queueName(), expected(`a list of 1 to ${MAX_REPLY_QUEUES} names of queues`))
      .min(1)
      .max(MAX_REPLY_QUEUES)
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: (name) => name.toLowerCase() }),
        EVEN_WHEN_WRONG,
      )
      .describe("Queues that a request may name for its reply. Any other is refused."),
    heartbeatQueue: queueName()
      .optional()
      .describe(
        "Queue that gets a message each time `agent.heartbeat` says: name, version, configuration, directories, uptime and requests in flight. Not given: none. A queue that is full, missing or denied is warned of once and stops nothing.",
      ),
    partBytes: whole(MIN_PART_BYTES, MAX_PART_BYTES)
      .optional()
      .describe(
        "Largest reply part in bytes, when it should be smaller than the namespace allows.",
      ),
    concurrency: whole(1, 64).default(8).describe("Requests that are worked on at the same time."),
    requestTimeout: duration(SECOND_MS, 24 * HOUR_MS)
      .prefault("10m")
      .describe("Longest time that the work on one request may take."),
    maxDeliveries: whole(1, MAX_DELIVERIES)
      .default(4)
      .describe(
        "A request that was delivered this often without an answer is given up with a 500 reply. Must be below the queue's MaxDeliveryCount (10 unless changed).",
      ),
    clockSkew: duration(0, 10 * MINUTE_MS)
      .prefault("30s")
      .describe("How far the clocks of requester and agent may be apart."),
    watchdogInterval: duration(500, 10 * MINUTE_MS)
      .prefault("30s")
      .describe(
        "How often to look whether Service Bus still answers and whether secrets have changed. Connections that fail twice in a row are built anew.",
      ),
  })
    .superRefine((bus, issues) => checkBus(bus, issues), EVEN_WHEN_WRONG)
    .transform(
      ({
        connectionString,
        secondConnectionString,
        namespace,
        credential,
        requestTimeout,
        clockSkew,
        watchdogInterval,
        ...bus
      }) => ({
        ...bus,
        connection: connectionOf({
          connectionString,
          secondConnectionString,
          namespace,
          credential,
        }),
        requestTimeoutMs: requestTimeout,
        clockSkewMs: clockSkew,
        watchdogIntervalMs: watchdogInterval,
      }),
    )
    .meta(ONE_SIGN_IN);
}

interface ConnectionOptions {
  readonly connectionString: Secret | undefined;
  readonly secondConnectionString: Secret | undefined;
  readonly namespace: string | undefined;
  readonly credential: BusCredential | undefined;
}

function connectionOf(options: ConnectionOptions): BusConnection {
  const { connectionString, secondConnectionString: second, namespace, credential } = options;
  if (connectionString !== undefined) {
    return { kind: "connectionString", connectionString, second };
  }
  if (namespace !== undefined && credential !== undefined) {
    return { kind: "namespace", namespace, credential };
  }
  throw new RangeError("checkBus lets neither through");
}
