import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { ScimError } from "../../core/scim/error.ts";
import { type App, bodyLimit } from "./app.ts";
import { baseUrl } from "./base-url.ts";
import { hasBody, readJsonBody } from "./body.ts";
import { answerDefectively } from "./defects.ts";
import type { Fault, Faults } from "./faults.ts";
import { errorReply, type Reply, replyTo } from "./reply.ts";
import { type RequestEntry, summarize } from "./request-log.ts";
import { parseTarget } from "./request-target.ts";
import { routeOf } from "./router.ts";
import type { ScimRequest } from "./scim-request.ts";

export interface ExchangeOptions {
  readonly app: App;
  /** Undefined: everybody may ask. */
  readonly isAllowed: ((authorization: string | undefined) => boolean) | undefined;
  readonly faults: Faults;
  /** For locations when a client does not name the server. */
  readonly ownUrl: string;
  readonly now: () => Date;
  readonly onRequest: (entry: RequestEntry) => void;
  readonly onError: (error: unknown) => void;
}

const CONTENT_TYPE = "application/scim+json";
/** What a client may put into the log. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** Of a request that is to be sent again, in seconds. */
const RETRY_AFTER = "1";
const RETRIED: ReadonlySet<number> = new Set([429, 503]);

/** One HTTP request and its answer. */
export class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ExchangeOptions;
  readonly #method: string;
  readonly #requestId: string | undefined;
  #summary = "";

  constructor(request: IncomingMessage, response: ServerResponse, options: ExchangeOptions) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
    const method = request.method ?? "GET";
    this.#method = method === "HEAD" ? "GET" : method;
    const given = request.headers["x-request-id"];
    this.#requestId = typeof given === "string" && REQUEST_ID.test(given) ? given : undefined;
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { faults, now, onRequest, onError } = this.#options;
    const time = now();
    const startedAt = performance.now();
    const fault = faults.next();
    const reply = await this.#befall(fault, signal);
    if (reply === undefined) this.#request.socket.destroy();
    else this.#send(reply);
    try {
      onRequest({
        time,
        method: this.#request.method ?? "GET",
        path: (this.#request.url ?? "").split("?", 1)[0] ?? "",
        status: reply?.status,
        ms: performance.now() - startedAt,
        summary: summaryOf(this.#summary, reply),
        requestId: this.#requestId,
      });
    } catch (error) {
      onError(error);
    }
  }

  /** undefined when the connection is to be cut. */
  async #befall({ delayMs, status, cut }: Fault, signal: AbortSignal): Promise<Reply | undefined> {
    if (delayMs > 0) {
      const waited = await delay(delayMs, true, { signal }).catch(() => false);
      if (!waited) return undefined;
    }
    if (cut === "before") return undefined;
    if (status !== undefined) return faultReply(status);
    const reply = await this.#answer();
    return cut === "after" ? undefined : reply;
  }

  async #answer(): Promise<Reply> {
    try {
      return await this.#carryOut();
    } catch (error) {
      if (!(error instanceof ScimError)) this.#options.onError(error);
      return replyTo(error);
    }
  }

  /** @throws ScimError */
  async #carryOut(): Promise<Reply> {
    const { app, faults, isAllowed, ownUrl } = this.#options;
    const { headers } = this.#request;
    if (isAllowed?.(headers.authorization) === false) {
      throw new ScimError(401, "a bearer token is needed, or this is not the one", {
        headers: { "www-authenticate": 'Bearer realm="scim"' },
      });
    }
    const method = this.#method;
    const { path, query } = parseTarget(this.#request.url ?? "/");
    const route = routeOf(method, path);
    const limit = bodyLimit(route, method);
    const body = limit === 0 ? undefined : await readJsonBody(this.#request, limit);
    this.#summary = summarize(method, query, body);
    const ifMatch = headers["if-match"];
    const ifNoneMatch = headers["if-none-match"];
    const base = baseUrl(headers.host, ownUrl);
    const request = { method, query, ifMatch, ifNoneMatch, body, base };
    const answer = (changed: ScimRequest) => app.answer(route, changed);
    return answerDefectively(faults.defects, answer, { route, request });
  }

  #send({ status, headers, body }: Reply): void {
    const response = this.#response;
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const unread = !this.#request.complete && hasBody(this.#request);
    response.writeHead(status, {
      ...headers,
      ...(bytes === undefined
        ? {}
        : { "content-type": CONTENT_TYPE, "content-length": bytes.length }),
      ...(this.#requestId === undefined ? {} : { "x-request-id": this.#requestId }),
      // What is left of the body is passed over, until the time for a request is up.
      ...(unread ? { connection: "close" } : {}),
    });
    response.end(this.#request.method === "HEAD" ? undefined : bytes);
    if (unread) this.#request.resume();
  }
}

function faultReply(status: number): Reply {
  const retried = RETRIED.has(status) ? { headers: { "retry-after": RETRY_AFTER } } : {};
  return errorReply(new ScimError(status, "a fault that was asked for", retried));
}

/** What was wrong, when something was, comes after what was asked for. */
function summaryOf(asked: string, reply: Reply | undefined): string {
  if (reply === undefined || reply.status < 400) return asked;
  const { scimType, detail } = reply.body as { scimType?: string; detail?: string };
  const wrong = [scimType, detail].filter((each) => each !== undefined).join(": ");
  return [asked, wrong].filter((each) => each !== "").join(" - ");
}
