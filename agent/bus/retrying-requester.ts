import { setTimeout as sleep } from "node:timers/promises";
import { AgentError } from "../core/error.ts";
import type { Clock, Log, OutgoingRequest, Reply, ReplyProgress, Requester } from "../ports.ts";
import { isRepeatable } from "./repeatable.ts";

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** With less time than this left, another attempt would end before its answer. */
const MIN_ATTEMPT_MS = 250;
/** Answers that a retry may mend, whether or not they say when. Any other 5xx has to say when. */
const PASSING_STATUSES: readonly number[] = [502, 503, 504];

export interface RetryingRequesterParts {
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly log: Log;
  /** Waits, or throws the signal's reason. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

type Attempt =
  | { readonly kind: "answered"; readonly reply: Reply }
  | { readonly kind: "failed"; readonly error: AgentError };

/**
 * Asks again when the failure may pass: the bus or the agent is away, nothing came, the directory is down (5xx). Each
 * attempt is a new message (a new message id) of the same operation (correlation id, idempotency key); the pauses grow,
 * with chance in them, and are as long as `retry-after` says at least. All of it within the request's `timeoutMs`.
 * Only what may be repeated is: reads, and what has an `idempotency-key`.
 */
export class RetryingRequester implements Requester {
  readonly #inner: Requester;
  readonly #parts: RetryingRequesterParts;

  constructor(inner: Requester, parts: RetryingRequesterParts) {
    this.#inner = inner;
    this.#parts = parts;
  }

  /**
   * @throws AgentError as the requester's, of the last attempt. An answer of 5xx is returned when there is no time left.
   */
  async request(
    request: OutgoingRequest,
    options: { readonly onProgress?: (progress: ReplyProgress) => void },
    signal: AbortSignal,
  ): Promise<Reply> {
    const { clock, log } = this.#parts;
    const endsAt = clock.now() + request.timeoutMs;
    for (let attempt = 1; ; attempt++) {
      if (attempt > 1) options.onProgress?.({ parts: 0, items: 0, attempt });
      const timeoutMs = endsAt - clock.now();
      const result = await this.#try({ ...request, timeoutMs }, { ...options, attempt }, signal);
      const delayMs = this.#delayMs(result, attempt);
      const isInTime = delayMs !== undefined && clock.now() + delayMs + MIN_ATTEMPT_MS <= endsAt;
      if (!isInTime || !isRepeatable(request) || signal.aborted) {
        if (result.kind === "failed") throw result.error;
        return result.reply;
      }
      const { correlationId } = request;
      const because =
        result.kind === "failed" ? { code: result.error.code } : { status: result.reply.status };
      log.warn("request.retried", { correlationId, attempt, delayMs, ...because });
      if (result.kind === "answered") await result.reply.release();
      await (this.#parts.pause ?? pause)(delayMs, signal);
    }
  }

  async #try(
    request: OutgoingRequest,
    {
      attempt,
      onProgress,
    }: {
      readonly attempt: number;
      readonly onProgress?: (progress: ReplyProgress) => void;
    },
    signal: AbortSignal,
  ): Promise<Attempt> {
    const tell = onProgress && ((progress: ReplyProgress) => onProgress({ ...progress, attempt }));
    try {
      const options = tell === undefined ? {} : { onProgress: tell };
      return { kind: "answered", reply: await this.#inner.request(request, options, signal) };
    } catch (error) {
      if (!(error instanceof AgentError) || signal.aborted) throw error;
      return { kind: "failed", error };
    }
  }

  /** @returns undefined when another attempt is of no use */
  #delayMs(result: Attempt, attempt: number): number | undefined {
    const ceilingMs = Math.min(MIN_BACKOFF_MS * 2 ** (attempt - 1), MAX_BACKOFF_MS);
    // Between half and all of it: requesters that failed together do not come back together.
    const backoffMs = Math.round((ceilingMs * (1 + this.#parts.random())) / 2);
    if (result.kind === "failed") return result.error.retryable ? backoffMs : undefined;
    const { status, headers } = result.reply;
    if (status < 500) return undefined;
    const afterMs = parseRetryAfter(headers.get("retry-after"), this.#parts.clock.now());
    if (afterMs === undefined) return PASSING_STATUSES.includes(status) ? backoffMs : undefined;
    return Math.max(afterMs, backoffMs);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch {
    throw signal.reason;
  }
}

/**
 * Milliseconds that `retry-after` asks for (RFC 9110 section 10.2.3): seconds, or a date.
 * @param now milliseconds since 1970
 */
function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
