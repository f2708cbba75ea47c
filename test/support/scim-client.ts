import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { SCIM_TOKEN } from "./agent-files.ts";

export interface ScimReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body; undefined when it is no JSON. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}

export interface ScimAsk {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON with its media type. */
  readonly body?: unknown;
  /** Another token, or none. */
  readonly token?: string | undefined;
  /** PEM of an authority, for https. */
  readonly ca?: string;
}

/** An HTTP client of one server, which keeps its connections. */
export class ScimClient {
  readonly #base: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(base: string) {
    this.#base = base;
  }

  /** @throws Error when the connection is cut before the answer is whole */
  ask(path: string, ask: ScimAsk = {}): Promise<ScimReply> {
    const { method = "GET", body, ca } = ask;
    const token = "token" in ask ? ask.token : SCIM_TOKEN;
    const isText = typeof body === "string" || body instanceof Uint8Array;
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined || isText ? {} : { "content-type": "application/scim+json" }),
      ...ask.headers,
    };
    return new Promise((resolve, reject) => {
      const send = this.#base.startsWith("https:") ? httpsRequest : httpRequest;
      const { hostname, port } = new URL(this.#base);
      // As it is: a URL would be put right on the way.
      const target = { hostname, port, path, method, headers };
      const request = send(
        ca === undefined ? { ...target, agent: this.#agent } : { ...target, ca, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            const { statusCode: status = 0, headers: found } = response;
            resolve({ status, headers: found, text, body: jsonIn(text) });
          });
        },
      );
      request.on("error", reject);
      request.end(body === undefined || isText ? body : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function jsonIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes bytes to the server and returns what comes back until it closes, or until nothing came for `quietMs`. */
export function sendRaw(
  base: string,
  bytes: string | Uint8Array,
  { quietMs = 300 } = {},
): Promise<string> {
  const { hostname, port } = new URL(base);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    const end = () => {
      socket.destroy();
      resolve(Buffer.concat(chunks).toString("latin1"));
    };
    socket.setTimeout(quietMs, end);
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", end);
    socket.write(bytes);
  });
}
