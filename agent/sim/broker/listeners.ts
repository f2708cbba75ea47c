import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { createWebSocketStream, WebSocketServer } from "ws";
import { AgentError } from "../../core/error.ts";

/** A certificate and its key, each as PEM text or as the path of a PEM file. */
export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
  /** Of AMQP over TLS; 0, the default, takes any free port. */
  readonly port?: number;
}

export interface WebSocketOptions {
  /** Of plain `ws`; 0, the default, takes any free port. */
  readonly port?: number;
  /** Of `wss`, which is there when there is a certificate; 0, the default, takes any free port. */
  readonly securePort?: number;
}

/** `amqp` and `amqps` are sockets, `ws` and `wss` WebSockets with the subprotocol AMQPWSB10. */
export type ListenerKind = "amqp" | "amqps" | "ws" | "wss";

export interface ListenerPort {
  readonly kind: ListenerKind;
  /** As in an address: an IPv6 address has brackets. */
  readonly host: string;
  readonly port: number;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsOptions | undefined;
  readonly webSocket: WebSocketOptions | undefined;
  /** Of a TLS or HTTP handshake, in milliseconds. */
  readonly handshakeMs: number;
  readonly accept: (stream: Duplex) => void;
}

const WEB_SOCKET_PATH = "/$servicebus/websocket";
const SUBPROTOCOL = "AMQPWSB10";
/** A WebSocket message carries a frame or some of them, and a frame of ours is at most 64 KiB. */
const MAX_WEB_SOCKET_BYTES = 1024 * 1024;
const PEM_START = "-----BEGIN";

/** @throws AgentError `config.invalid` */
function readPem(pathOrText: string, what: string): string {
  if (pathOrText.includes(PEM_START)) return pathOrText;
  try {
    return readFileSync(pathOrText, "utf8");
  } catch (cause) {
    throw new AgentError("config.invalid", `the broker's ${what} cannot be read: ${pathOrText}`, {
      cause,
    });
  }
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `the broker cannot listen on ${host}:${port}`;
      reject(new AgentError("bus.unreachable", message, { cause, hint: "is the port taken?" }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

/** Answers the handshake of WebSockets, and everything else that comes over HTTP with 404. */
function upgrade(server: HttpServer, { handshakeMs, accept }: ListenOptions): HttpServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_WEB_SOCKET_BYTES,
    perMessageDeflate: false,
    handleProtocols: () => SUBPROTOCOL,
  });
  server.headersTimeout = handshakeMs;
  server.requestTimeout = handshakeMs;
  server.on("request", (_request, response) => {
    response.writeHead(404).end();
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => undefined);
    const { pathname } = new URL(request.url ?? "/", "http://broker");
    const offered = request.headers["sec-websocket-protocol"]?.split(/\s*,\s*/) ?? [];
    if (pathname !== WEB_SOCKET_PATH || !offered.includes(SUBPROTOCOL)) {
      const status = pathname === WEB_SOCKET_PATH ? "400 Bad Request" : "404 Not Found";
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      accept(createWebSocketStream(webSocket));
    });
  });
  return server;
}

/** All that a broker listens on. */
export class Listeners {
  readonly #servers: Server[] = [];
  /** Also those whose handshake is not over. */
  readonly #sockets = new Set<Socket>();
  readonly #ports: ListenerPort[] = [];

  /** @throws AgentError `config.invalid` for the certificate, `bus.unreachable` when it cannot listen */
  static async open(options: ListenOptions): Promise<Listeners> {
    const listeners = new Listeners();
    try {
      await listeners.#open(options);
      return listeners;
    } catch (error) {
      await listeners.close();
      throw error;
    }
  }

  /** Ports that are listened on, plain AMQP first. */
  get ports(): readonly ListenerPort[] {
    return this.#ports;
  }

  /** Ends also what is connected. */
  async close(): Promise<void> {
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
        }),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async #open(options: ListenOptions): Promise<void> {
    const { accept, handshakeMs, tls, webSocket } = options;
    await this.#add("amqp", createServer(accept), { ...options });
    const secure =
      tls === undefined
        ? undefined
        : {
            cert: readPem(tls.certificate, "certificate"),
            key: readPem(tls.key, "key of the certificate"),
            handshakeTimeout: handshakeMs,
          };
    if (secure !== undefined) {
      const server = withCertificate(() => createTlsServer(secure, accept));
      await this.#add("amqps", server, { ...options, port: tls?.port ?? 0 });
    }
    if (webSocket === undefined) return;
    // How often Node looks for requests that are late.
    const http = { connectionsCheckingInterval: handshakeMs / 2 };
    const plain = upgrade(createHttpServer(http), options);
    await this.#add("ws", plain, { ...options, port: webSocket.port ?? 0 });
    if (secure === undefined) return;
    const server = upgrade(
      withCertificate(() => createHttpsServer({ ...secure, ...http })),
      options,
    );
    await this.#add("wss", server, { ...options, port: webSocket.securePort ?? 0 });
  }

  async #add(
    kind: ListenerKind,
    server: Server,
    { host, port }: { readonly host: string; readonly port: number },
  ): Promise<void> {
    server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      // Before anybody else listens: a handshake that is cut must not end the process.
      socket.on("error", () => undefined);
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("tlsClientError", (_error, socket: Duplex) => socket.destroy());
    this.#servers.push(server);
    const shown = host.includes(":") ? `[${host}]` : host;
    this.#ports.push({ kind, host: shown, port: await listen(server, port, host) });
  }
}

function withCertificate<T>(create: () => T): T {
  try {
    return create();
  } catch (cause) {
    throw new AgentError("config.invalid", "the broker's certificate cannot be used", {
      cause,
      hint: "are certificate and key in PEM, and do they belong together?",
    });
  }
}
