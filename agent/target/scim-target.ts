import { randomUUID } from "node:crypto";
import type { PatchStyle } from "../core/scim/patch-style.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import type { SchemaDefinition } from "../core/scim/schema.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import type { Clock, Log, MemberChange, Target, TargetReadOutcome } from "../ports.ts";
import { BearerToken, type ReadToken } from "./bearer-token.ts";
import { type Connection, HttpConnection } from "./http-connection.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import { PlannedConnection, type PlannedRequest } from "./planned-connection.ts";
import { RequestSender, type TargetExchange } from "./request-sender.ts";
import { ResourceReads } from "./resource-reads.ts";
import { ResourceWrites } from "./resource-writes.ts";
import { ScimClient } from "./scim-client.ts";
import { findRequest } from "./scim-request.ts";
import { TargetUrl } from "./target-url.ts";
import { type Pause, pauseByTimer } from "./throttle.ts";

const CONCURRENCY = 8;
const TIMEOUT_MS = 60_000;
const PAGE_SIZE = 100;
const MEMBER_BATCH = 100;

type Json = Readonly<Record<string, unknown>>;
type Reference = { readonly attribute: "manager" | "members"; readonly id: string };

export interface ScimTargetOptions {
  /** Base URL of the service provider, to which `/Users` is added. */
  readonly url: string;
  readonly style: PatchStyle;
  /** What a test and a probe look for, with a value that nobody has; `userName` of users when not given. */
  readonly lookup?: { readonly resourceType: ResourceTypeName; readonly path: string };
  /** PEM of the authorities to trust instead of the machine's. */
  readonly ca?: string | undefined;
  /** Most requests at a time; 8 when not given. */
  readonly concurrency?: number;
  /** How long one attempt may take; 60 s when not given. */
  readonly timeoutMs?: number;
  /** Resources that are asked for at a time when all are read; 100 when not given. */
  readonly pageSize?: number;
  /** Most members of one request; 100 when not given. */
  readonly memberBatch?: number;
}

export interface ScimTargetParts {
  /** Asked after 30 s and after a refusal, so that a rotated token is found. */
  readonly readToken: ReadToken;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Waits, or throws the signal's reason. */
  readonly pause?: Pause;
  /** Told of every request and its answer, both with the values of people in them. */
  readonly onExchange?: (exchange: TargetExchange) => void;
  /** Told of every write instead of sending it: a dry run. */
  readonly onPlanned?: (request: PlannedRequest) => void;
}

/** SCIM over HTTP, in the requests of Microsoft Entra's provisioning service or in those of RFC 7644. */
export class ScimTarget implements Target {
  readonly #connection: Connection;
  readonly #reads: ResourceReads;
  readonly #writes: ResourceWrites;

  /** @throws AgentError `config.invalid` for a URL that is none of http or https, or has a user in it */
  constructor(options: ScimTargetOptions, parts: ScimTargetParts) {
    const { style, concurrency = CONCURRENCY, timeoutMs = TIMEOUT_MS, ca } = options;
    const { pageSize = PAGE_SIZE, memberBatch = MEMBER_BATCH } = options;
    const { readToken, onPlanned, pause = pauseByTimer, ...rest } = parts;
    const url = new TargetUrl(options.url, style);
    const { origin, host } = url;
    const { resourceType, path } = options.lookup ?? { resourceType: "User", path: "userName" };
    const createProbe = () => findRequest(resourceType, { path, value: randomUUID() });
    const connections = concurrency;
    const http = new HttpConnection({ origin, connections, timeoutMs, ca });
    const connection = onPlanned === undefined ? http : new PlannedConnection(http, onPlanned);
    const sender = new RequestSender({
      ...rest,
      pause,
      connection,
      url,
      token: new BearerToken(readToken, parts.clock),
      charset: style !== "rfc7644",
      createProbe,
    });
    const client = new ScimClient({ queue: new KeyedQueue(concurrency), sender, host });
    this.#connection = connection;
    this.#reads = new ResourceReads(client, { style, pageSize, createProbe });
    this.#writes = new ResourceWrites(client, { style, memberBatch });
  }

  test(signal: AbortSignal): Promise<void> {
    return this.#reads.test(signal);
  }

  find(
    resourceType: ResourceTypeName,
    lookup: { readonly path: string; readonly value: string },
    signal: AbortSignal,
  ) {
    return this.#reads.find(resourceType, lookup, signal);
  }

  read(resourceType: ResourceTypeName, id: string, signal: AbortSignal) {
    return this.#reads.read(resourceType, id, signal);
  }

  hasReference(
    resourceType: ResourceTypeName,
    id: string,
    reference: Reference,
    signal: AbortSignal,
  ) {
    return this.#reads.hasReference(resourceType, id, reference, signal);
  }

  create(resourceType: ResourceTypeName, resource: Json, signal: AbortSignal) {
    return this.#writes.create(resourceType, resource, signal);
  }

  update(
    resourceType: ResourceTypeName,
    id: string,
    change: { readonly before: Json; readonly after: Json },
    signal: AbortSignal,
  ) {
    return this.#writes.update(resourceType, id, change, signal);
  }

  setActive(id: string, active: boolean, signal: AbortSignal) {
    return this.#writes.setActive(id, active, signal);
  }

  changeMembers(id: string, change: MemberChange, signal: AbortSignal) {
    return this.#writes.changeMembers(id, change, signal);
  }

  delete(resourceType: ResourceTypeName, id: string, signal: AbortSignal) {
    return this.#writes.delete(resourceType, id, signal);
  }

  all(
    resourceType: ResourceTypeName,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ScimResource[], TargetReadOutcome> {
    return this.#reads.all(resourceType, signal);
  }

  schemas(signal: AbortSignal): Promise<readonly SchemaDefinition[] | undefined> {
    return this.#reads.schemas(signal);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
