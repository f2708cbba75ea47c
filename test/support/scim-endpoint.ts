import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** A request as it came over the wire. */
export interface RecordedRequest {
  readonly method: string;
  /** As it was sent, with the query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** As it was sent; empty for none. */
  readonly text: string;
}

export interface EndpointReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON; nothing when not given. */
  readonly body?: unknown;
}

/** Answers a request, or takes the response over and answers nothing. */
export type Answer = (
  request: RecordedRequest,
  response: ServerResponse,
) => EndpointReply | undefined | Promise<EndpointReply | undefined>;

/** A server that records what it is asked and answers what the test says. */
export class ScimEndpoint {
  readonly requests: RecordedRequest[] = [];
  /** Most requests that were there at a time. */
  most = 0;
  answer: Answer;
  #open = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server;
  readonly #scheme: "http" | "https";

  /** @param tls PEM of certificate and key, for https */
  constructor(answer: Answer, tls?: { readonly cert: string; readonly key: string }) {
    this.answer = answer;
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = tls === undefined ? createServer() : createTlsServer(tls);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("request", (request, response) => {
      this.most = Math.max(this.most, ++this.#open);
      response.on("close", () => this.#open--);
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { method = "", url: target = "", headers } = request;
        const text = Buffer.concat(chunks).toString("utf8");
        void this.#reply({ method, target, headers, text }, response);
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  /** `http://127.0.0.1:port/scim` */
  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/scim`;
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #reply(request: RecordedRequest, response: ServerResponse): Promise<void> {
    this.requests.push(request);
    const reply = await this.answer(request, response);
    if (reply === undefined) return;
    const { status, headers = {}, body } = reply;
    const isText = typeof body === "string" || body === undefined;
    response.writeHead(status, { "content-type": "application/scim+json", ...headers });
    response.end(isText ? body : JSON.stringify(body));
  }
}

export function listReply(
  resources: readonly unknown[],
  changes: Readonly<Record<string, unknown>> = {},
): EndpointReply {
  return {
    status: 200,
    body: {
      schemas: ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
      totalResults: resources.length,
      itemsPerPage: resources.length,
      startIndex: 1,
      Resources: resources,
      ...changes,
    },
  };
}

export function errorReply(status: number, scimType?: string, detail?: string): EndpointReply {
  return {
    status,
    body: {
      schemas: ["urn:ietf:params:scim:api:messages:2.0:Error"],
      status: String(status),
      ...(scimType === undefined ? {} : { scimType }),
      ...(detail === undefined ? {} : { detail }),
    },
  };
}
