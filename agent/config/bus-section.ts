import { z } from "zod";
import {
  choice,
  duration,
  EVEN_WHEN_WRONG,
  expected,
  expectedKind,
  memberOf,
  path,
  refuseTwins,
  secret,
  section,
  text,
  textsIn,
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

/** Properties and one resource have to fit. */
const MIN_PART_BYTES = 4096;

/** Largest message of Service Bus Premium. */
const MAX_PART_BYTES = 100 * 1024 * 1024;

const NAMESPACE_PATTERN =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})+$/;
const QUEUE_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9_])?$/;
const ID_PATTERN = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/;

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
  | { readonly kind: "connectionString"; readonly connectionString: Secret }
  | { readonly kind: "namespace"; readonly namespace: string; readonly credential: BusCredential };

/** Where requests come from and replies go to. */
export function busSection(context: SecretContext) {
  return section({
    connectionString: secret(context)
      .optional()
      .describe(
        "Connection string of the namespace. Exactly one of `connectionString` and `namespace` is given.",
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
    credential: credentialSection(context)
      .optional()
      .describe("How the agent signs in to `namespace`."),
    requestQueue: queueName().describe("Queue that requests are received from."),
    replyQueues: z
      .array(queueName(), expected(`a list of 1 to ${MAX_REPLY_QUEUES} names of queues`))
      .min(1)
      .max(MAX_REPLY_QUEUES)
      .superRefine(
        (input, issues) => refuseTwins(input, issues, { keyOf: (name) => name.toLowerCase() }),
        EVEN_WHEN_WRONG,
      )
      .describe("Queues that a request may name for its reply. Any other is refused."),
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
  })
    .superRefine((bus, issues) => checkBus(bus, issues), EVEN_WHEN_WRONG)
    .transform(
      ({ connectionString, namespace, credential, requestTimeout, clockSkew, ...bus }) => ({
        ...bus,
        connection: connectionOf({ connectionString, namespace, credential }),
        requestTimeoutMs: requestTimeout,
        clockSkewMs: clockSkew,
      }),
    )
    .meta({
      oneOf: [{ required: ["connectionString"] }, { required: ["namespace", "credential"] }],
    });
}

interface ConnectionOptions {
  readonly connectionString: Secret | undefined;
  readonly namespace: string | undefined;
  readonly credential: BusCredential | undefined;
}

function connectionOf(options: ConnectionOptions): BusConnection {
  const { connectionString, namespace, credential } = options;
  if (connectionString !== undefined) return { kind: "connectionString", connectionString };
  if (namespace !== undefined && credential !== undefined) {
    return { kind: "namespace", namespace, credential };
  }
  throw new RangeError("checkBus lets neither through");
}

function checkBus(bus: unknown, issues: z.core.$RefinementCtx<unknown>): void {
  const refuse = (at: readonly (string | number)[], message: string) =>
    issues.addIssue({ code: "custom", path: [...at], message });
  const [shared, named, signIn] = ["connectionString", "namespace", "credential"].map(
    (name) => memberOf(bus, name) !== undefined,
  );
  const choose = "expected exactly one of connectionString and namespace";
  if (shared && named) refuse([], `has both, ${choose}`);
  if (!shared && !named) refuse([], `has neither, ${choose}`);
  if (named && !signIn) {
    refuse(["credential"], "is missing, expected how to sign in to the namespace");
  }
  if (signIn && !named) {
    refuse(["credential"], "is of no use without namespace, expected both or neither");
  }
  const requestQueue = memberOf(bus, "requestQueue");
  if (typeof requestQueue !== "string") return;
  for (const { at, text: replyQueue } of textsIn(memberOf(bus, "replyQueues"))) {
    if (replyQueue.toLowerCase() !== requestQueue.toLowerCase()) continue;
    refuse(
      ["replyQueues", at],
      "is the request queue, expected another: replies would come back as requests",
    );
  }
}
