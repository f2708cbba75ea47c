import { type Dispatcher, Pool } from "undici";

/** Largest body of an answer. A page of 100 users is about 200 KiB; some targets know no pages. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
/** Kept short, since a connection that the server closes while it is written to leaves a request in doubt. */
const KEEP_ALIVE_MS = 4_000;

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path and query as they are sent. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** What came of one request. */
export type HttpResult =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** Names in lower case; of several with one name the last one. */
      readonly headers: ReadonlyMap<string, string>;
      readonly text: string;
    }
  | {
      readonly kind: "failed";
      readonly because: "no connection" | "cut" | "timed out" | "too large";
      /** Whether anything may have reached the server. */
      readonly sent: boolean;
      readonly cause: unknown;
    };

export interface HttpConnectionOptions {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly connections: number;
  /** How long one request may take, from when it is asked for to the last byte of its answer. */
  readonly timeoutMs: number;
  /** PEM of the authorities to trust besides none; those of the machine when not given. */
  readonly ca?: string | undefined;
}

/** Where requests go. */
export interface Connection {
  /** @throws the signal's reason */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResult>;
  /** Cuts what still runs. */
  close(): Promise<void>;
}

/** HTTP/1.1 connections to one origin. Redirects are answers like others, and followed by nobody. */
export class HttpConnection implements Connection {
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  constructor({ origin, connections, timeoutMs, ca }: HttpConnectionOptions) {
    this.#timeoutMs = timeoutMs;
    this.#pool = new Pool(origin, {
      connections,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // One clock for all of it: a server that sends a byte now and then is late too.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) },
    });
  }

  /** @throws the signal's reason */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResult> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const exchange = new Exchange({
        timeoutMs: this.#timeoutMs,
        resolve,
        reject,
        signal,
      });
      const { method, path, headers, body } = request;
      this.#pool.dispatch({ method, path, headers, body: body ?? null }, exchange);
    });
  }

  /** Cuts what still runs. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

interface ExchangeOptions {
  readonly timeoutMs: number;
  readonly resolve: (result: HttpResult) => void;
  readonly reject: (reason: unknown) => void;
  readonly signal: AbortSignal;
}

/** One request and its answer. Whatever settles it first counts; the rest of the exchange is cut. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #headers = new Map<string, string>();
  #bytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => this.#fail("timed out", undefined), options.timeoutMs);
    options.signal.addEventListener("abort", this.#onAbort);
  }

  /** Called right before the first byte is written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) this.#cut();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#headers = new Map();
    for (const [name, value] of Object.entries(headers)) {
      const last = Array.isArray(value) ? value.at(-1) : value;
      if (last !== undefined) this.#headers.set(name.toLowerCase(), last);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BODY_BYTES) this.#fail("too large", undefined);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (!this.#settle()) return;
    const text = Buffer.concat(this.#chunks).toString("utf8");
    this.#options.resolve({
      kind: "answered",
      status: this.#status,
      headers: this.#headers,
      text,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#fail(this.#controller === undefined ? "no connection" : "cut", cause);
  }

  readonly #onAbort = (): void => {
    if (!this.#settle()) return;
    this.#options.reject(this.#options.signal.reason);
    this.#cut();
  };

  #fail(because: "no connection" | "cut" | "timed out" | "too large", cause: unknown): void {
    if (!this.#settle()) return;
    const sent = this.#controller !== undefined;
    this.#options.resolve({ kind: "failed", because, sent, cause });
    this.#cut();
  }

  /** @returns false when it was settled already */
  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    return true;
  }

  #cut(): void {
    this.#controller?.abort(new Error("the exchange is over"));
  }
}
