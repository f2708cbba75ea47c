import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import type { AgentHealth } from "../provider/health.ts";

export interface StatusServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly readStatus: (signal: AbortSignal) => Promise<AgentHealth>;
  readonly log: Log;
}

const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Health over HTTP, for whatever watches the machine: `/healthz` says that the process lives, `/readyz` that its
 * directories answer (503 when not), `/status` gives the whole as JSON.
 */
export class StatusServer {
  readonly #options: StatusServerOptions;
  readonly #server: Server;

  constructor(options: StatusServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
  }

  /**
   * @returns the base URL
   * @throws AgentError `config.invalid` when the address cannot be used
   */
  async start(): Promise<string> {
    const { host, port } = this.#options.listen;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error) =>
        reject(
          new AgentError("config.invalid", `status.listen: cannot listen on ${host}:${port}`, {
            cause,
            hint: "choose another port, or 0 for any",
          }),
        );
      this.#server.once("error", onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", onError);
        resolve();
      });
    });
    const { address, port: actual, family } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${actual}`;
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  /** Never rejects. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split("?")[0];
    try {
      if (request.method !== "GET") return send(response, 405, { error: "only GET" });
      if (path === "/healthz") return send(response, 200, { status: "ok" });
      if (path !== "/readyz" && path !== "/status")
        return send(response, 404, { error: "no such path" });
      const status = await this.#options.readStatus(AbortSignal.timeout(REQUEST_TIMEOUT_MS));
      send(response, path === "/readyz" && status.status !== "ok" ? 503 : 200, status);
    } catch (error) {
      this.#options.log.error("status.failed", { error });
      send(response, 500, { error: "internal error; the agent's log has the details" });
    }
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(`${JSON.stringify(body)}\n`);
}
