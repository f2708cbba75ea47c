import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentError } from "../../core/error.ts";
import type { ScimResource } from "../../core/scim/resource.ts";
import type { ResourceTypeName } from "../../core/scope.ts";
import { App } from "./app.ts";
import { compileTokenCheck } from "./bearer-token.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { Faults } from "./faults.ts";
import { represent } from "./representation.ts";
import type { RequestEntry } from "./request-log.ts";
import { Snapshot } from "./snapshot.ts";
import { ResourceStore } from "./store.ts";

/** To the letter of RFC 7644, or with all that Microsoft Entra sends and expects besides. */
export type ScimAppProfile = "rfc" | "entra";

export interface ScimAppOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0, any free one. */
  readonly port?: number;
  /** Default `rfc`. */
  readonly profile?: ScimAppProfile;
  /** What clients have to show; without it everybody may ask. */
  readonly token?: string;
  readonly faults?: FaultPlan;
  /** Where the resources are kept; without it they are gone when the process ends. */
  readonly file?: string;
  /** Resources of one page at most; default 1,000. */
  readonly maxResults?: number;
  /** Whether ServiceProviderConfig tells of cursors, which some clients refuse to read; default false. */
  readonly advertiseCursors?: boolean;
  readonly now?: () => Date;
  /** Told of each request once it is answered. */
  readonly onRequest?: (entry: RequestEntry) => void;
  /** Told of what fails for another reason than a request: a fault of this server, or a full disk. */
  readonly onError?: (error: unknown) => void;
}

/** A running SCIM service provider (RFC 7643, RFC 7644, RFC 9865). */
export interface ScimApp {
  readonly port: number;
  /** The base of its endpoints, without a slash at the end. */
  readonly url: string;
  /** All resources of a type as a client would see them, in the order in which they were created. */
  resources(type: ResourceTypeName): readonly ScimResource[];
  /** Replaces the faults from here on; undefined for none. */
  setFaults(plan: FaultPlan | undefined): void;
  /** Lets requests finish for two seconds, cuts what is left, and writes the file. */
  close(): Promise<void>;
}

const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_MAX_RESULTS = 1000;
const NO_FAULTS: FaultPlan = { seed: 0, rules: [] };

/** Request line and headers together: a filter of 16 KiB fits, percent-encoded too. */
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONNECTIONS = 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** For the request with its body to come in. */
const RECEIVE_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
const STOP_TIMEOUT_MS = 2_000;

/**
 * Starts a SCIM service provider that has no resources yet, or those of its file.
 * @throws AgentError `config.invalid` when the address cannot be used or the file not be written, `input.invalid` when
 *   the file is no such file
 */
export async function startScimApp(options: ScimAppOptions = {}): Promise<ScimApp> {
  const { host = DEFAULT_HOST, port = 0, profile = "rfc", file, token } = options;
  const { maxResults = DEFAULT_MAX_RESULTS, advertiseCursors = false } = options;
  const now = options.now ?? (() => new Date());
  const onError = options.onError ?? (() => undefined);
  const store = new ResourceStore({ uniqueGroupNames: profile === "entra", now });
  const snapshot = file === undefined ? undefined : new Snapshot({ file, store, onError });
  await snapshot?.open();
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  const found = await listen(server, host, port);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${found}`;
  const app = new App({
    store,
    profile: profile === "entra" ? "entra" : "rfc7644",
    maxResults,
    advertiseCursors,
    bearerToken: token !== undefined,
    now,
    onError,
  });
  const service: Omit<ExchangeOptions, "faults"> = {
    app,
    isAllowed: token === undefined ? undefined : compileTokenCheck(token),
    ownUrl: url,
    now,
    onRequest: options.onRequest ?? (() => undefined),
    onError,
  };
  let faults = new Faults(options.faults ?? NO_FAULTS);
  const stopping = new AbortController();
  server.on("request", (request, response) => {
    void new Exchange(request, response, { ...service, faults }).run(stopping.signal);
  });
  return {
    port: found,
    url,
    resources: (type) => [...store.list(type)].map((each) => represent(each, { store, base: url })),
    setFaults: (plan) => {
      faults = new Faults(plan ?? NO_FAULTS);
    },
    close: async () => {
      stopping.abort();
      await closeServer(server);
      await snapshot?.close();
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error) =>
      reject(
        new AgentError("config.invalid", `cannot listen on ${host}:${port}`, {
          cause,
          hint: "choose another port, or 0 for any",
        }),
      );
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), STOP_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
}
