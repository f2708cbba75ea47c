import { randomUUID } from "node:crypto";
import type { Clock, Log } from "../ports.ts";
import type { BearerToken } from "./bearer-token.ts";
import type { Connection, HttpRequest, HttpResult } from "./http-connection.ts";
import { parseError, parseJson, type ScimErrorAnswer } from "./scim-answer.ts";
import type { ScimRequest } from "./scim-request.ts";
import {
  denied,
  type FailureContext,
  isUntrusted,
  redirected,
  throttled,
  unreachable,
} from "./target-error.ts";
import type { TargetUrl } from "./target-url.ts";
import { backoffMs, type Pause, parseRetryAfter, Throttle } from "./throttle.ts";

/** Attempts of one request that fails in a way that may pass. */
const MAX_ATTEMPTS = 4;
/** Of one that is throttled: requests that share a limit lose some rounds. */
const MAX_THROTTLED_ATTEMPTS = 10;
/** A target that wants to be left alone for longer is left to the next cycle. */
const MAX_RETRY_AFTER_MS = 120_000;
/** Stands in the logs of both sides. */
const REQUEST_ID_HEADER = "x-request-id";
const MEDIA_TYPE = "application/scim+json";
const USER_AGENT = "hybrid-sync-agent";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Answers after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 502, 503, 504]);

/** One request as it was sent and what came back, for whoever records them. The token is left out. */
export interface TargetExchange {
  readonly requestId: string;
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly origin: string;
  readonly request: HttpRequest;
  readonly result: HttpResult;
}

export interface AnsweredReply {
  readonly kind: "answered";
  /** Where HTTP says success and the body is an error document, what that one says. */
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** undefined for none, and for what is no JSON. */
  readonly body: unknown;
  readonly error: ScimErrorAnswer | undefined;
  readonly requestId: string;
}

export interface UnansweredReply {
  readonly kind: "unanswered";
  readonly because: "cut" | "timed out" | "too large";
  readonly requestId: string;
}

/** What became of a request; says nothing about the target as a whole. */
export type ScimReply = AnsweredReply | UnansweredReply;

export interface RequestSenderParts {
  readonly connection: Connection;
  readonly url: TargetUrl;
  readonly token: BearerToken;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly pause: Pause;
  /** Whether bodies are sent with the charset that Entra adds. */
  readonly charset: boolean;
  /** What is asked to find out whether the target is there at all. */
  readonly createProbe: () => ScimRequest;
  readonly onExchange?: ((exchange: TargetExchange) => void) | undefined;
}

interface Sending {
  readonly request: ScimRequest;
  readonly requestId: string;
  attempt: number;
  failures: number;
  throttlings: number;
  token: string | undefined;
  /** Whether the token was read again after a refusal. */
  renewed: boolean;
}

/** Why a request is sent again. */
interface Retry {
  readonly because: string;
  readonly afterMs?: number | undefined;
  readonly cause?: unknown;
}

/**
 * Sends requests until one has an answer that counts. Reads, PATCH and DELETE are sent again after whatever may pass;
 * POST only when it was surely not processed. What fails to the last attempt is the target's failure if a probe fails
 * too, and the request's own if not.
 */
export class RequestSender {
  readonly #parts: RequestSenderParts;
  readonly #throttle: Throttle;

  constructor(parts: RequestSenderParts) {
    this.#parts = parts;
    this.#throttle = new Throttle(parts.clock, parts.pause);
  }

  /**
   * @throws AgentError `target.unreachable`, `target.throttled`, `target.denied` (401), `target.refused` (a redirect);
   *   what reading the token throws; the signal's reason
   */
  async send(request: ScimRequest, signal: AbortSignal): Promise<ScimReply> {
    const requestId = randomUUID();
    const token = await this.#parts.token.current();
    const counts = { attempt: 0, failures: 0, throttlings: 0 };
    const sending = { request, requestId, ...counts, token, renewed: false };
    for (;;) {
      const result = await this.#attempt(sending, signal);
      const reply =
        result.kind === "failed"
          ? await this.#afterFailure(result, sending, signal)
          : await this.#afterAnswer(result, sending, signal);
      if (reply !== undefined) return reply;
    }
  }

  /** @returns undefined when the request is to be sent again */
  async #afterFailure(
    { because, sent, cause }: HttpResult & { kind: "failed" },
    sending: Sending,
    signal: AbortSignal,
  ): Promise<ScimReply | undefined> {
    const { request, requestId } = sending;
    if (!sent || because === "no connection") {
      const again = !isUntrusted(cause) && (await this.#retry(sending, { because, cause }, signal));
      if (again) return undefined;
      throw unreachable(this.#context(requestId), { because, cause });
    }
    const reply = { kind: "unanswered", because, requestId } as const;
    if (request.method === "POST" || because === "too large") return reply;
    if (await this.#retry(sending, { because }, signal)) return undefined;
    await this.#probe(sending, { because, cause }, signal);
    return reply;
  }

  /** @returns undefined when the request is to be sent again */
  async #afterAnswer(
    { status: httpStatus, headers, text }: HttpResult & { kind: "answered" },
    sending: Sending,
    signal: AbortSignal,
  ): Promise<ScimReply | undefined> {
    const { request, requestId } = sending;
    const body = parseJson(text);
    const error = parseError(body);
    const status = httpStatus < 300 ? (error?.status ?? httpStatus) : httpStatus;
    if (status === 401) {
      if (await this.#renewToken(sending)) return undefined;
      throw denied(this.#context(requestId), status);
    }
    if (REDIRECTS.has(status)) {
      const { origin } = this.#parts.url;
      const location = headers.get("location");
      throw redirected(this.#context(requestId), { status, location, origin });
    }
    const afterMs = parseRetryAfter(headers.get("retry-after"), this.#parts.clock.now());
    if (status === 429) {
      this.#holdAll(sending, afterMs);
      return undefined;
    }
    const reply = { kind: "answered", status, headers, body, error, requestId } as const;
    if (!PASSING.has(status)) return reply;
    // Who says when to come back has not begun (RFC 9110 section 15.6.4), nor has who never got the whole request.
    const unprocessed = status === 408 || (status === 503 && afterMs !== undefined);
    if (request.method === "POST" && !unprocessed) return reply;
    const because = `status ${status}`;
    if (await this.#retry(sending, { because, afterMs }, signal)) return undefined;
    await this.#probe(sending, { because, cause: undefined }, signal);
    return reply;
  }

  async #attempt(sending: Sending, signal: AbortSignal): Promise<HttpResult> {
    const { clock, log, connection, url, onExchange } = this.#parts;
    await this.#throttle.wait(signal);
    const { request, requestId, token } = sending;
    const attempt = ++sending.attempt;
    const { headers, ...rest } = this.#write(request, requestId);
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const startedAt = clock.now();
    const result = await connection.send(
      { ...rest, headers: { ...headers, ...authorization } },
      signal,
    );
    const durationMs = clock.now() - startedAt;
    const outcome =
      result.kind === "answered" ? { status: result.status } : { because: result.because };
    // Not the query: it holds values.
    const { method, path } = request;
    log.debug("target.request", { requestId, attempt, method, path, ms: durationMs, ...outcome });
    onExchange?.({
      requestId,
      attempt,
      startedAt,
      durationMs,
      origin: url.origin,
      request: { ...rest, headers },
      result,
    });
    return result;
  }

  #write(request: ScimRequest, requestId: string): HttpRequest {
    const { url, charset } = this.#parts;
    const { method, body } = request;
    const contentType = charset ? `${MEDIA_TYPE}; charset=utf-8` : MEDIA_TYPE;
    return {
      method,
      path: url.target(request),
      headers: {
        accept: MEDIA_TYPE,
        "user-agent": USER_AGENT,
        [REQUEST_ID_HEADER]: requestId,
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    };
  }

  /** Reads the token again, once; a request that is not authorized was not processed. */
  async #renewToken(sending: Sending): Promise<boolean> {
    const { token: refused, requestId, renewed } = sending;
    if (refused === undefined || renewed) return false;
    const token = await this.#parts.token.current(refused);
    if (token === refused) return false;
    this.#parts.log.info("target.tokenChanged", { requestId });
    sending.token = token;
    sending.renewed = true;
    return true;
  }

  /** @throws AgentError `target.throttled` */
  #holdAll(sending: Sending, afterMs: number | undefined): void {
    const { random, log } = this.#parts;
    const { requestId, attempt } = sending;
    const throttlings = ++sending.throttlings;
    const tooLong = afterMs !== undefined && afterMs > MAX_RETRY_AFTER_MS;
    if (tooLong || throttlings === MAX_THROTTLED_ATTEMPTS) {
      throw throttled(this.#context(requestId), afterMs);
    }
    const delayMs = Math.max(afterMs ?? 0, backoffMs(throttlings, random));
    log.warn("target.throttled", { requestId, attempt, delayMs });
    this.#throttle.hold(delayMs);
  }

  /** Waits for the next attempt. @returns false when there is none left */
  async #retry(sending: Sending, retry: Retry, signal: AbortSignal): Promise<boolean> {
    const { random, log, pause } = this.#parts;
    const { requestId, attempt } = sending;
    const { because, afterMs = 0 } = retry;
    const failures = ++sending.failures;
    if (failures === MAX_ATTEMPTS || afterMs > MAX_RETRY_AFTER_MS) return false;
    const delayMs = Math.max(afterMs, backoffMs(failures, random));
    log.warn("target.retried", { requestId, attempt, because, delayMs });
    await pause(delayMs, signal);
    return true;
  }

  /** @throws AgentError `target.unreachable` when the target does not answer the probe either */
  async #probe(
    sending: Sending,
    failure: { readonly because: string; readonly cause: unknown },
    signal: AbortSignal,
  ): Promise<void> {
    const probe = { ...sending, request: this.#parts.createProbe(), requestId: randomUUID() };
    const result = await this.#attempt({ ...probe, attempt: 0 }, signal);
    const alive = result.kind === "answered" && !PASSING.has(result.status);
    if (!alive) throw unreachable(this.#context(sending.requestId), failure);
  }

  #context(requestId: string): FailureContext {
    return { host: this.#parts.url.host, requestId };
  }
}
