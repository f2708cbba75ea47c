import { createHash, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { gzip as gzipCallback } from "node:zlib";
import type { ServiceBusMessage } from "@azure/service-bus";
import { digestOf, type PartHeader } from "../core/answer-assembly.ts";
import { errorAnswer } from "../core/error-answer.ts";
import type { Answer } from "../core/exchange.ts";
import { PartCutter, type PartDocument } from "../core/part-document.ts";
import { ScimError } from "../core/scim/error.ts";
import { toPartMessage } from "./part-message.ts";
import type { RequestEnvelope } from "./request-envelope.ts";

const gzip = promisify(gzipCallback);

/** Parts that may be on their way at once: the next page is read while these are. */
const MAX_IN_FLIGHT = 8;
/** Below this compression saves nothing worth the work. */
const MIN_GZIP_BYTES = 2048;

/** What was sent, for the log. */
export interface AnswerSummary {
  readonly answer: string;
  readonly status: number;
  readonly parts: number;
  readonly items: number;
  readonly bytes: number;
  /** What ended a list before its end, when something did. */
  readonly failure?: unknown;
}

export interface AnswerWriterOptions {
  readonly envelope: RequestEnvelope;
  /** Sends a message and resolves when the queue has accepted it. */
  readonly send: (message: ServiceBusMessage) => Promise<void>;
  /** Bytes that a part's body may have. */
  readonly maxBodyBytes: number;
  readonly agent: string;
  readonly configuration: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Sends one answering of one request as parts (DESIGN section 4). Used once. */
export class AnswerWriter {
  readonly #options: AnswerWriterOptions;
  readonly #answer = randomUUID();
  readonly #digests: Buffer[] = [];
  readonly #inFlight = new Set<Promise<void>>();
  #sendFailure: { readonly error: unknown } | undefined;
  #items = 0;
  #bytes = 0;

  constructor(options: AnswerWriterOptions) {
    this.#options = options;
  }

  /**
   * Sends all parts and waits until they are accepted. A list that fails on the way ends with a last part that says
   * so: whoever assembles the answer then has a failed one, never a short one that looks whole.
   * @throws the signal's reason when aborted, and what `send` throws
   */
  async write(answer: Answer, signal: AbortSignal): Promise<AnswerSummary> {
    signal.throwIfAborted();
    if (answer.kind === "document") return this.#writeDocument(answer, signal);
    const { stream } = this.#options.envelope;
    const cutter = new PartCutter({
      schema: answer.schema,
      maxBytes: this.#options.maxBodyBytes,
    });
    let last: readonly PartDocument[];
    try {
      last = await this.#writeList(answer.elements, { cutter, stream }, signal);
    } catch (failure) {
      if (signal.aborted || this.#sendFailure !== undefined) throw failure;
      const summary = await this.#writeDocument(errorAnswer(failure), signal);
      return { ...summary, failure };
    }
    for (const document of last.slice(0, -1)) await this.#sendPart(document, 200);
    return this.#finish({ document: last.at(-1), status: 200, headers: {} }, signal);
  }

  /** @returns the documents of the end, which are not sent yet */
  async #writeList(
    elements: (Answer & { kind: "list" })["elements"],
    { cutter, stream }: { readonly cutter: PartCutter; readonly stream: boolean },
    signal: AbortSignal,
  ): Promise<readonly PartDocument[]> {
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = await elements.next();
        if (next.done === true) {
          const documents = cutter.end(next.value);
          if (!stream && documents.length > 1) throw tooMany();
          return documents;
        }
        for (const element of next.value) {
          for (const document of cutter.add(element)) {
            if (!stream) throw tooMany();
            await this.#sendPart(document, 200);
          }
        }
      }
    } finally {
      await elements.return({});
    }
  }

  async #writeDocument(
    { body, status, headers = {} }: Answer & { kind: "document" },
    signal: AbortSignal,
  ): Promise<AnswerSummary> {
    const json = JSON.stringify(body);
    if (Buffer.byteLength(json) <= this.#options.maxBodyBytes) {
      return this.#finish({ document: { json, items: 0 }, status, headers }, signal);
    }
    return this.#writeDocument(errorAnswer(tooMany()), signal);
  }

  async #sendPart(document: PartDocument, status: number): Promise<void> {
    await this.#post(document, (part) => ({ answer: this.#answer, part, status }), {});
    while (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
    this.#throwSendFailure();
  }

  async #finish(
    {
      document,
      status,
      headers,
    }: {
      readonly document: PartDocument | undefined;
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<AnswerSummary> {
    // The last part goes when all others are accepted: its arrival then means that nothing else is missing.
    await Promise.all(this.#inFlight);
    this.#throwSendFailure();
    // Waiting may have taken longer than the lock: whoever lost it stops answering.
    signal.throwIfAborted();
    const toHeader = (part: number): PartHeader => ({
      answer: this.#answer,
      part,
      status,
      end: {
        parts: part + 1,
        items: this.#items,
        digest: digestOf(this.#digests.map((sha256) => ({ sha256 }))),
      },
    });
    await this.#post(document ?? { json: "{}", items: 0 }, toHeader, headers);
    await Promise.all(this.#inFlight);
    this.#throwSendFailure();
    const parts = this.#digests.length;
    return { answer: this.#answer, status, parts, items: this.#items, bytes: this.#bytes };
  }

  /** Puts a part on its way. A failure shows at the next `#throwSendFailure`. */
  async #post(
    document: PartDocument,
    toHeader: (part: number) => PartHeader,
    headers: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { envelope, send, agent, configuration, now } = this.#options;
    const { body, isGzip } = await this.#encode(document.json);
    const part = this.#digests.length;
    this.#digests.push(createHash("sha256").update(body).digest());
    this.#items += document.items;
    this.#bytes += body.length;
    const message = toPartMessage(toHeader(part), {
      requestId: envelope.request.requestId,
      sessionId: envelope.replyTo.sessionId,
      body,
      gzip: isGzip,
      agent,
      configuration,
      headers,
      restMs: (envelope.expiresAt ?? now()) - now(),
    });
    const sending = send(message)
      .catch((error: unknown) => {
        this.#sendFailure ??= { error };
      })
      .finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  async #encode(json: string): Promise<{ readonly body: Buffer; readonly isGzip: boolean }> {
    const plain = Buffer.from(json, "utf8");
    if (!this.#options.envelope.acceptsGzip || plain.length < MIN_GZIP_BYTES) {
      return { body: plain, isGzip: false };
    }
    // The fastest level: JSON of entries shrinks to a tenth with it, and the reply must not wait.
    const packed = await gzip(plain, { level: 1 });
    return packed.length < plain.length
      ? { body: packed, isGzip: true }
      : { body: plain, isGzip: false };
  }

  #throwSendFailure(): void {
    if (this.#sendFailure !== undefined) throw this.#sendFailure.error;
  }
}

function tooMany(): ScimError {
  return new ScimError(
    400,
    "the answer does not fit into one part: ask with prefer: stream, for fewer attributes, or with a narrower filter",
    { scimType: "tooMany" },
  );
}
