import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AgentError } from "../core/error.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer, RequestHandler, ScimRequest } from "../core/exchange.ts";
import { pathPattern } from "../core/path-pattern.ts";
import { ScimError } from "../core/scim/error.ts";
import type { Log } from "../ports.ts";
import type { BearerToken } from "./bearer-token.ts";
import { listFromBody, listFromQuery, namesIn } from "./list-request.ts";
import { hasBody, MAX_BODY_BYTES, readJsonBody } from "./scim-body.ts";
import { kindOfPath } from "./scim-methods.ts";
import type { PageAnswer, ScimPages } from "./scim-pages.ts";
import { beginReply, sendReply } from "./scim-reply.ts";
import { beginList, writeList } from "./scim-stream.ts";
import { parseTarget, type ScimTarget } from "./scim-target.ts";

export interface ScimExchangeOptions {
  readonly handler: RequestHandler;
  readonly pages: ScimPages;
  readonly token: BearerToken;
  readonly requestTimeoutMs: number;
  /** On every answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** Headers that mean something to the handler. */
const PASSED_HEADERS = ["directory", "if-match", "if-none-match", "prefer", "traceparent"] as const;

/** Ids that clients give their requests. */
const CLIENT_ID = /^[\w.:-]{1,128}$/;

/** Parameters that belong into the body of a POST. */
const SEARCH_PARAMETERS = [
  "filter",
  "attributes",
  "excludedattributes",
  "startindex",
  "count",
  "cursor",
];

const BUSY_RETRY_S = "1";

/** One HTTP request and its answer. */
export class ScimExchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ScimExchangeOptions;
  readonly #requestId = randomUUID();
  readonly #correlationId: string;
  readonly #startedAt = performance.now();
  /** Who asks, for the log. */
  readonly #remote: string | undefined;
  readonly #aborter = new AbortController();
  readonly #deadline: NodeJS.Timeout;
  #isLate = false;
  /** For the log. */
  #path: string | undefined;
  #items: number | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, options: ScimExchangeOptions) {
    this.#request = request;
    this.#response = response;
    this.#options = options;
    // A connection that was cut does not know any more.
    this.#remote = request.socket.remoteAddress;
    const given = request.headers["x-request-id"];
    this.#correlationId =
      typeof given === "string" && CLIENT_ID.test(given) ? given : this.#requestId;
    this.#deadline = setTimeout(() => this.#expire(), options.requestTimeoutMs);
  }

  /** Answers. Never rejects. */
  async run(state: { readonly isBusy: boolean; readonly isStopping: boolean }): Promise<void> {
    try {
      const answer = await this.#answer(state);
      if (answer !== undefined) this.#send(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends the work. */
  abort(): void {
    this.#aborter.abort();
  }

  /** Logs the request and gives back what it holds. To be called when the response is closed. */
  close(): void {
    clearTimeout(this.#deadline);
    const isWhole = this.#response.writableFinished;
    if (!isWhole) this.#aborter.abort();
    this.#options.log.info(isWhole ? "http.answered" : "http.cut", {
      requestId: this.#requestId,
      correlationId: this.#correlationId,
      remote: this.#remote,
      method: this.#request.method,
      path: this.#path,
      status: this.#response.headersSent ? this.#response.statusCode : undefined,
      items: this.#items,
      ms: Math.round((performance.now() - this.#startedAt) * 10) / 10,
    });
  }

  async #answer(state: {
    readonly isBusy: boolean;
    readonly isStopping: boolean;
  }): Promise<PageAnswer | (Answer & { readonly kind: "document" }) | undefined> {
    const { headers } = this.#request;
    const verdict = this.#options.token.verify(headers.authorization);
    // What is known at once is not waited for: look-ups are worth the difference.
    if (!(typeof verdict === "boolean" ? verdict : await verifyLater(verdict))) {
      throw new ScimError(401, "the bearer token is missing or wrong");
    }
    if (state.isStopping) throw new ScimError(503, "the agent is stopping");
    if (state.isBusy) throw new ScimError(503, "too many requests at once");
    if (headers.host === undefined && this.#request.httpVersion === "1.1") {
      throw new ScimError(400, "the Host header is missing", { scimType: "invalidValue" });
    }
    const target = parseTarget(this.#request.url ?? "");
    this.#path = pathPattern(target.path);
    return this.#answerTarget(target);
  }

  async #answerTarget({ path, query }: ScimTarget) {
    const { handler, pages } = this.#options;
    const { signal } = this.#aborter;
    const directory = this.#request.headers["directory"];
    const named = typeof directory === "string" ? directory : undefined;
    const asked = this.#request.method ?? "";
    const method = asked === "HEAD" ? "GET" : asked;
    const kind = kindOfPath(path);
    if (kind === "list" && method === "GET") {
      const list = listFromQuery(path, query, named);
      const page = await pages.answer(list, this.#toRequest("POST", list.path, list.body), signal);
      return this.#noteItems(page);
    }
    if (kind === "search" && method === "POST") {
      refuseQuery(query);
      const list = listFromBody(path, await this.#readBody(), named);
      const page = await pages.answer(list, this.#toRequest("POST", list.path, list.body), signal);
      return this.#noteItems(page);
    }
    if (kind === "discovery" && query.has("filter")) {
      // RFC 7644 section 4.
      throw new ScimError(403, "discovery endpoints take no filter");
    }
    const isCommand = kind === "command" && method === "POST";
    if (isCommand) refuseQuery(query);
    const body = isCommand ? await this.#readBody() : undefined;
    const request = this.#toRequest(method, path, body);
    const answer = await handler(
      kind === "resource" ? withProjection(request, query) : request,
      signal,
    );
    if (answer.kind === "document") return answer;
    if (kind === "discovery") return pages.whole(answer);
    await this.#stream(answer);
    return undefined;
  }

  async #readBody(): Promise<unknown> {
    if (this.#request.headers.expect !== undefined) {
      if (this.#request.headers.expect.toLowerCase() !== "100-continue") {
        throw new ScimError(417, "this service meets no expectation but 100-continue");
      }
      this.#response.writeContinue();
    }
    return readJsonBody(this.#request);
  }

  async #stream(answer: Answer & { readonly kind: "list" }): Promise<void> {
    const list = await beginList(answer);
    const { signal } = this.#aborter;
    if (signal.aborted) {
      await list.elements.return({});
      signal.throwIfAborted();
    }
    beginReply(this.#response, this.#headers());
    this.#items = await writeList(this.#response, list, signal);
  }

  #noteItems(answer: PageAnswer | (Answer & { readonly kind: "document" })) {
    if (answer.kind === "page") this.#items = answer.items;
    return answer;
  }

  #toRequest(method: string, path: string, body: unknown): ScimRequest {
    const headers = new Map<string, string>();
    for (const name of PASSED_HEADERS) {
      const value = this.#request.headers[name];
      if (typeof value === "string") headers.set(name, value);
    }
    const requestId = this.#requestId;
    return { method, path, headers, body, requestId, correlationId: this.#correlationId };
  }

  #headers(): Readonly<Record<string, string>> {
    return { ...this.#options.headers, "x-request-id": this.#requestId };
  }

  #send(answer: PageAnswer | (Answer & { readonly kind: "document" })): void {
    if (answer.kind === "page") {
      sendReply(this.#response, { status: 200, body: answer.json, headers: this.#headers() });
      return;
    }
    const { status, body, headers = {} } = answer;
    const { allow } = headers;
    // A body that nobody will read: it would have to be taken in before the next request.
    const close = this.#isUnreadLarge() ? { connection: "close" } : {};
    sendReply(this.#response, {
      status,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        ...headers,
        // Whatever has GET has HEAD here, which the handler knows nothing of.
        ...(allow === undefined ? {} : { allow: allow.replace("GET", "GET, HEAD") }),
        ...this.#headers(),
        ...close,
      },
    });
  }

  #isUnreadLarge(): boolean {
    const { headers, complete } = this.#request;
    if (complete || !hasBody(this.#request)) return false;
    return (
      headers["transfer-encoding"] !== undefined ||
      headers.expect !== undefined ||
      Number(headers["content-length"]) > MAX_BODY_BYTES
    );
  }

  #fail(error: unknown): void {
    if (this.#response.headersSent) {
      // The client must not take what it has for all of it.
      this.#logFailure(error);
      this.#response.destroy();
      return;
    }
    if (this.#isLate) {
      this.#refuse(new ScimError(503, "the request took too long"));
      return;
    }
    if (this.#aborter.signal.aborted) {
      this.#response.destroy();
      return;
    }
    this.#logFailure(error);
    this.#refuse(error);
  }

  #refuse(error: unknown): void {
    const answer = errorAnswer(error);
    const isBusy = answer.status === 503 && error instanceof ScimError;
    this.#send({
      ...answer,
      headers: {
        ...answer.headers,
        ...(isBusy ? { "retry-after": BUSY_RETRY_S } : {}),
        ...(answer.status === 401 ? { "www-authenticate": 'Bearer realm="scim"' } : {}),
      },
    });
  }

  #logFailure(error: unknown): void {
    if (error instanceof ScimError || isConnectionError(error)) return;
    const ids = { requestId: this.#requestId, correlationId: this.#correlationId };
    const { log } = this.#options;
    if (error instanceof AgentError) {
      const { code, message, hint } = error;
      log.warn("request.failed", { ...ids, path: this.#path, code, message, hint });
    } else if (!this.#aborter.signal.aborted) {
      log.error("request.crashed", { ...ids, path: this.#path, error });
    }
  }

  #expire(): void {
    this.#isLate = true;
    this.#aborter.abort();
    // The answer is there and the client does not take it.
    if (this.#response.headersSent) this.#response.destroy();
  }
}

/** Why a token cannot be checked is for the log, not for whoever asks without one. */
async function verifyLater(verdict: Promise<boolean>): Promise<boolean> {
  try {
    return await verdict;
  } catch (cause) {
    throw new ScimError(503, "the bearer token cannot be checked now", { cause });
  }
}

/** @throws ScimError 400 invalidValue for parameters that would be passed over */
function refuseQuery(query: ReadonlyMap<string, string>): void {
  const found = SEARCH_PARAMETERS.find((name) => query.has(name));
  if (found === undefined) return;
  throw new ScimError(400, `${found} belongs into the body of a POST`, {
    scimType: "invalidValue",
  });
}

/** RFC 7644 section 3.4.1, with the parameters of section 3.9. */
function withProjection(request: ScimRequest, query: ReadonlyMap<string, string>): ScimRequest {
  const attributes = namesIn(query.get("attributes"));
  const excludedAttributes = namesIn(query.get("excludedattributes"));
  if (attributes === undefined && excludedAttributes === undefined) return request;
  const projection = {
    ...(attributes === undefined ? {} : { attributes }),
    ...(excludedAttributes === undefined ? {} : { excludedAttributes }),
  };
  return { ...request, projection };
}

/** The client went away while its body was read. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET";
}
