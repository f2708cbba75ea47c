import { createHash } from "node:crypto";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer, RequestHandler, ScimRequest } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";

/** Longer keys are refused; a GUID has 36 characters. */
const MAX_KEY_LENGTH = 128;
/** Answers that are kept, in number and in bytes of JSON. The oldest go first. */
const MAX_ANSWERS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** A larger answer is not kept: writes answer with one resource. */
const MAX_ANSWER_BYTES = 256 * 1024;
/** What an entry takes besides its answer. */
const ENTRY_BYTES = 512;

type Document = Answer & { readonly kind: "document" };

interface Entry {
  readonly digest: string;
  readonly working: Promise<Answer> | undefined;
  readonly answer: Document | undefined;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface AnswerMemoryOptions {
  /** How long an answer is kept: as long as its request can come again. */
  readonly keepMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly maxAnswers?: number;
  readonly maxBytes?: number;
}

/**
 * Answers by `idempotency-key`, so that a write that is delivered again, or sent again by its requester, is done once and
 * answered the same. In memory: another agent, or this one after a restart, does the write again, which preconditions
 * have to make harmless.
 */
export class AnswerMemory {
  readonly #options: AnswerMemoryOptions;
  /** In the order in which they were put in, which is that of their expiry. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(options: AnswerMemoryOptions) {
    this.#options = options;
  }

  /** Answers kept or being worked on. */
  get size(): number {
    return this.#entries.size;
  }

  /** What they take, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The same handler, which does a request with a key once. A second one with the same key waits for the first; with the
   * same key and another content it is answered 422 (draft-ietf-httpapi-idempotency-key-header-07 section 2.7).
   * Failures that a retry may mend (5xx) are not kept.
   */
  remember(handler: RequestHandler): RequestHandler {
    return async (request, signal) => {
      const key = request.headers.get("idempotency-key");
      if (key === undefined) return handler(request, signal);
      if (key === "" || key.length > MAX_KEY_LENGTH) {
        const detail = `idempotency-key has 1 to ${MAX_KEY_LENGTH} characters`;
        return errorAnswer(new ScimError(400, detail, { scimType: "invalidValue" }));
      }
      return this.#once(key, { request, handler }, signal);
    };
  }

  async #once(
    key: string,
    { request, handler }: { readonly request: ScimRequest; readonly handler: RequestHandler },
    signal: AbortSignal,
  ): Promise<Answer> {
    const digest = digestOf(request);
    for (;;) {
      signal.throwIfAborted();
      this.#forgetExpired();
      const known = this.#entries.get(key);
      if (known === undefined) return this.#work(key, digest, () => handler(request, signal));
      if (known.digest !== digest) {
        const detail = "this idempotency-key was used for another request";
        return errorAnswer(new ScimError(422, detail));
      }
      if (known.answer !== undefined) return known.answer;
      // Whoever works on it may be aborted, or fail in a way that is not kept: then it is this one's turn.
      const answer = await orAborted(known.working, signal);
      if (answer?.kind === "document") return answer;
    }
  }

  async #work(key: string, digest: string, work: () => Promise<Answer>): Promise<Answer> {
    const working = work();
    this.#put(key, { digest, working, answer: undefined, bytes: ENTRY_BYTES });
    try {
      const answer = await working;
      this.#forget(key);
      const bytes = ENTRY_BYTES + key.length + sizeOf(answer);
      if (answer.kind === "document" && answer.status < 500 && bytes <= MAX_ANSWER_BYTES) {
        this.#put(key, { digest, working: undefined, answer, bytes });
      }
      return answer;
    } catch (error) {
      this.#forget(key);
      throw error;
    }
  }

  #put(key: string, entry: Omit<Entry, "expiresAt">): void {
    const { keepMs, now, maxAnswers = MAX_ANSWERS, maxBytes = MAX_BYTES } = this.#options;
    this.#entries.set(key, { ...entry, expiresAt: now() + keepMs });
    this.#bytes += entry.bytes;
    for (const [oldest, { working }] of this.#entries) {
      if (this.#entries.size <= maxAnswers && this.#bytes <= maxBytes) return;
      // What is worked on is bounded by how much may be in flight.
      if (working === undefined) this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  #forgetExpired(): void {
    const now = this.#options.now();
    for (const [key, { expiresAt, working }] of this.#entries) {
      if (working !== undefined) continue;
      if (expiresAt > now) return;
      this.#forget(key);
    }
  }
}

/** What makes two requests the same: all that an answer may depend on. */
function digestOf({ method, path, headers, body }: ScimRequest): string {
  const conditions = ["directory", "if-match", "if-none-match"].map((name) => headers.get(name));
  const text = JSON.stringify([method, path, conditions, body]);
  return createHash("sha256").update(text).digest("base64");
}

function sizeOf(answer: Answer): number {
  if (answer.kind !== "document") return 0;
  return Buffer.byteLength(JSON.stringify([answer.body, answer.headers]));
}

/** @returns undefined when the work failed. @throws the signal's reason */
function orAborted(
  work: Promise<Answer> | undefined,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    Promise.resolve(work)
      .then(resolve, () => resolve(undefined))
      .finally(() => signal.removeEventListener("abort", onAbort));
  });
}
