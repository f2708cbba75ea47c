import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { AgentError } from "../core/error.ts";
import type { RequestHandler } from "../core/exchange.ts";
import type { Clock, Log } from "../ports.ts";
import type { AgentIdentity } from "../provider/health.ts";
import { BearerToken } from "./bearer-token.ts";
import { ListingCache } from "./listing-cache.ts";
import { ScimExchange, type ScimExchangeOptions } from "./scim-exchange.ts";
import { ScimPages } from "./scim-pages.ts";
import { sendRawError } from "./scim-reply.ts";

/** PEM texts of a certificate with its chain, and of its key. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface ScimServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** The certificate as it is now; undefined: without TLS. */
  readonly readCertificate: (() => Promise<ServerCertificate>) | undefined;
  /** The token as it is now. */
  readonly readToken: () => Promise<string>;
  readonly handler: RequestHandler;
  readonly agent: AgentIdentity;
  /** Requests that are worked on at the same time. */
  readonly concurrency: number;
  /** Longest time that one request may take, with its answer sent. */
  readonly requestTimeoutMs: number;
  /** How long requests may go on once the server is told to stop. */
  readonly stopTimeoutMs: number;
  readonly defaultPageSize: number;
  readonly maxPageSize: number;
  /** Time between two pages of a list. */
  readonly cursorTimeoutMs: number;
  /** Memory for lists that are paged through. */
  readonly snapshotBytes: number;
  /** How often to look for a new certificate and for lists that nobody pages through any more. */
  readonly upkeepMs?: number;
  readonly log: Log;
  readonly clock: Clock;
}

const MAX_CONNECTIONS = 256;
/** Request line and headers together; a filter of 16 KiB fits, percent-encoded ones may need POST. */
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_HEADERS = 100;
const HEADERS_TIMEOUT_MS = 10_000;
/** For the request with its body to come in. */
const RECEIVE_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
/** How often connections are looked at for these times. */
const CHECK_INTERVAL_MS = 2_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const UPKEEP_MS = 5_000;
const STOP_POLL_MS = 20;

const LIMITS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: RECEIVE_TIMEOUT_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: CHECK_INTERVAL_MS,
  // Looked at where the other headers are, so that the refusal is a SCIM error too.
  requireHostHeader: false,
};

/** The agent as a SCIM service provider over HTTP (RFC 7644), for whoever holds the token. */
export class ScimServer {
  readonly #options: ScimServerOptions;
  readonly #token: BearerToken;
  readonly #cache: ListingCache;
  readonly #exchange: ScimExchangeOptions;
  readonly #open = new Set<ScimExchange>();
  readonly #perConnection = new WeakMap<Duplex, Set<ScimExchange>>();
  #server: Server | TlsServer | undefined;
  #upkeep: NodeJS.Timeout | undefined;
  #certificate: ServerCertificate | undefined;
  #isStopping = false;

  constructor(options: ScimServerOptions) {
    const { handler, agent, log, clock, defaultPageSize, maxPageSize } = options;
    this.#options = options;
    this.#token = new BearerToken({ read: options.readToken, clock, log });
    this.#cache = new ListingCache({
      maxBytes: options.snapshotBytes,
      lifetimeMs: options.cursorTimeoutMs,
      clock,
    });
    this.#exchange = {
      handler,
      pages: new ScimPages({ handler, cache: this.#cache, defaultPageSize, maxPageSize }),
      token: this.#token,
      requestTimeoutMs: options.requestTimeoutMs,
      headers: { agent: `${agent.name}/${agent.version}`, configuration: agent.configuration },
      log,
    };
  }

  /**
   * @returns the base URL
   * @throws AgentError `config.invalid` when the token, the certificate or the address cannot be used
   */
  async start(): Promise<string> {
    const { readCertificate } = this.#options;
    await this.#token.load();
    this.#certificate = await readCertificate?.();
    const server = this.#createServer(this.#certificate);
    this.#server = server;
    server.maxConnections = MAX_CONNECTIONS;
    server.maxHeadersCount = MAX_HEADERS;
    server.on("request", (request, response) => this.#serve(request, response));
    server.on("checkContinue", (request, response) => this.#serve(request, response));
    server.on("checkExpectation", (request, response) => this.#serve(request, response));
    server.on("connect", (_request, socket: Duplex) => sendRawError(socket, 405, "no tunnels"));
    server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) =>
      this.#refuse(error, socket),
    );
    await this.#listen(server);
    this.#upkeep = setInterval(() => void this.#maintain(), this.#options.upkeepMs ?? UPKEEP_MS);
    this.#upkeep.unref();
    const { address, port, family } = server.address() as AddressInfo;
    const scheme = this.#certificate === undefined ? "http" : "https";
    return `${scheme}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Lets requests finish within `stopTimeoutMs`, then cuts them. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#upkeep);
    const server = this.#server;
    if (server?.listening !== true) return;
    const closed = new Promise((resolve) => server.close(resolve));
    const deadline = performance.now() + this.#options.stopTimeoutMs;
    while (this.#open.size > 0 && performance.now() < deadline) await delay(STOP_POLL_MS);
    for (const exchange of this.#open) exchange.abort();
    server.closeAllConnections();
    await closed;
  }

  #createServer(certificate: ServerCertificate | undefined): Server | TlsServer {
    if (certificate === undefined) return createServer(LIMITS);
    try {
      return createTlsServer({ ...LIMITS, ...certificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS });
    } catch (cause) {
      throw new AgentError("config.invalid", "scim.tls: the certificate cannot be used", {
        cause,
        hint: "both files are PEM, and the key is the one of the first certificate",
      });
    }
  }

  async #listen(server: Server): Promise<void> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) =>
        reject(
          new AgentError("config.invalid", `scim.listen: cannot listen on ${host}:${port}`, {
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
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const exchange = new ScimExchange(request, response, this.#exchange);
    const onConnection = this.#exchangesOf(request.socket);
    this.#open.add(exchange);
    onConnection.add(exchange);
    response.once("close", () => {
      onConnection.delete(exchange);
      this.#close(exchange);
    });
    void exchange.run({
      isBusy: this.#open.size > this.#options.concurrency,
      isStopping: this.#isStopping,
    });
  }

  /** A response that waits behind another one of its connection is not told when that closes: the socket is asked. */
  #exchangesOf(socket: Duplex): Set<ScimExchange> {
    const known = this.#perConnection.get(socket);
    if (known !== undefined) return known;
    const exchanges = new Set<ScimExchange>();
    this.#perConnection.set(socket, exchanges);
    socket.once("close", () => {
      for (const exchange of exchanges) this.#close(exchange);
    });
    return exchanges;
  }

  #close(exchange: ScimExchange): void {
    if (this.#open.delete(exchange)) exchange.close();
  }

  /** What came was no HTTP, too much of it or too slow. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { code } = error;
    this.#options.log.debug("http.malformed", { code });
    // Bytes in between would be read as part of the answer that is under way.
    const isAnswering = (this.#perConnection.get(socket)?.size ?? 0) > 0;
    if (code === "ECONNRESET" || isAnswering) socket.destroy();
    else if (code === "HPE_HEADER_OVERFLOW") sendRawError(socket, 431, "headers are too large");
    else if (code === "ERR_HTTP_REQUEST_TIMEOUT") sendRawError(socket, 408, "too slow");
    else sendRawError(socket, 400, "this is no HTTP request");
  }

  /** Never rejects. */
  async #maintain(): Promise<void> {
    this.#cache.sweep();
    const { readCertificate, log } = this.#options;
    const server = this.#server;
    if (readCertificate === undefined || server === undefined || !("setSecureContext" in server)) {
      return;
    }
    try {
      const fresh = await readCertificate();
      const { cert, key } = this.#certificate ?? {};
      if (fresh.cert === cert && fresh.key === key) return;
      server.setSecureContext({ ...fresh });
      this.#certificate = fresh;
      log.info("scim.certificateChanged", {});
    } catch (error) {
      // One of the two files may be new already: what is served stays until both fit.
      log.warn("scim.certificateRefused", { error });
    }
  }
}
