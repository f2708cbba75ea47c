import type { Socket } from "node:net";
import { BerReader } from "ldapts";
import { AgentError } from "../core/error.ts";
import { LdapProtocolError } from "./ber-reading.ts";
import { FrameCutter } from "./frames.ts";
import { abandon, type RequestEncoder, unbind } from "./requests.ts";
import {
  type Envelope,
  isProtocolError,
  NOTICE_OF_DISCONNECTION_OID,
  RESPONSE,
  readEnvelope,
  readResponseName,
  readResult,
  readUris,
} from "./responses.ts";
import { type LdapResult, meaningOf, printResult } from "./result-code.ts";
import type { Server } from "./server.ts";

/** Takes what comes back for one request. `result` and `failed` are the last call, and only one of them comes. */
export interface ResponseSink {
  /** What ends it; default `searchDone`. Anything else breaks the protocol, and is no end of a list. */
  readonly endsWith?: "bind" | "extended" | "searchDone";
  /**
   * The reader stands at the content of a SearchResultEntry, which ends at `end`; its controls follow up to `messageEnd`.
   * Valid during the call.
   */
  entry(reader: BerReader, end: number, messageEnd: number): void;
  reference(uris: readonly string[]): void;
  /** The reader stands at the content of an IntermediateResponse (RFC 4511 section 4.13), for who asked for some. */
  intermediate?(reader: BerReader, end: number): void;
  result(result: LdapResult): void;
  failed(error: AgentError): void;
}

export interface ConnectionOptions {
  readonly server: Server;
  readonly operationTimeoutMs: number;
  readonly maxMessageBytes: number;
}

interface Operation {
  readonly sink: ResponseSink;
  /** Milliseconds of `performance.now()`. */
  lastMessageAt: number;
}

const LAST_MESSAGE_ID = 0x7fff_ffff;
/** How often silence is looked for, at most. */
const WATCH_MS = 1000;
/** Abandoned operations whose late answers are known as such. */
const MAX_ABANDONED = 4096;
/** How long a server may take to close its side after an unbind. */
const LINGER_MS = 500;

/**
 * One connection to a server. Requests are multiplexed by message id (RFC 4511 section 4.1.1.1); bytes that make no
 * sense, the end of the stream and silence end the connection and fail every operation on it, so that none is left
 * waiting. An operation that alone stays silent is abandoned alone.
 */
export class LdapConnection {
  readonly server: Server;
  /** Of the other side; undefined for a Unix socket. */
  readonly address: string | undefined;
  readonly #operationTimeoutMs: number;
  readonly #cutter: FrameCutter;
  readonly #operations = new Map<number, Operation>();
  readonly #abandoned = new Set<number>();
  #socket: Socket;
  #detach: () => void;
  #lastId = 0;
  #ended: AgentError | undefined;
  #paused = false;
  #lastByteAt = performance.now();
  /** Silence before this does not count: the socket was not read. */
  #listeningSince = performance.now();
  #watchedAt = performance.now();
  readonly #watch: NodeJS.Timeout;
  readonly #endListeners: ((reason: AgentError) => void)[] = [];

  constructor(socket: Socket, options: ConnectionOptions) {
    this.server = options.server;
    this.address = socket.remoteAddress;
    this.#operationTimeoutMs = options.operationTimeoutMs;
    this.#cutter = new FrameCutter(options.maxMessageBytes);
    this.#socket = socket;
    this.#detach = this.#attach(socket);
    const watchMs = Math.min(WATCH_MS, Math.ceil(options.operationTimeoutMs / 4));
    this.#watch = setInterval(() => {
      if (this.#silentOperations(watchMs).length === 0) return;
      // Timers come before sockets: when this process was busy, what the server sent meanwhile is read first.
      setImmediate(() => this.#giveUp(this.#silentOperations(watchMs)));
    }, watchMs).unref();
  }

  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Whether an answer is waited for. */
  get busy(): boolean {
    return this.#operations.size > 0;
  }

  /** Runs once, when the connection is of no use any more; at once when it already is. Its operations get the reason. */
  onEnd(listener: (reason: AgentError) => void): void {
    if (this.#ended === undefined) this.#endListeners.push(listener);
    else listener(this.#ended);
  }

  /**
   * Sends a request. On a connection that has ended the sink fails, before this returns.
   * @returns the message id, for `abandon`
   * @throws AgentError when the request cannot be encoded; nothing was sent then
   */
  send(request: RequestEncoder, sink: ResponseSink): number {
    const id = this.#nextId();
    const bytes = request(id);
    if (this.#ended !== undefined) {
      sink.failed(this.#ended);
      return id;
    }
    this.#operations.set(id, { sink, lastMessageAt: performance.now() });
    this.#socket.write(bytes);
    return id;
  }

  /** Forgets an operation and tells the server; its sink gets no further call. */
  abandon(id: number): void {
    if (!this.#operations.delete(id) || !this.open) return;
    // RFC 4511 section 4.11: what the server had sent before it saw this still comes.
    this.#abandoned.add(id);
    const [oldest] = this.#abandoned;
    if (this.#abandoned.size > MAX_ABANDONED && oldest !== undefined)
      this.#abandoned.delete(oldest);
    this.#socket.write(abandon(id)(this.#nextId()));
  }

  /** Stops reading, for back-pressure: every operation waits, and silence is not counted. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#listeningSince = performance.now();
    this.#socket.resume();
  }

  /**
   * Puts TLS around the socket after the server agreed to StartTLS. What came behind its answer was not protected and
   * is never taken for an answer (CVE-2011-0411 and its kin).
   */
  async secure(wrap: (socket: Socket) => Promise<Socket>): Promise<void> {
    if (this.#cutter.partial) throw new LdapProtocolError("bytes behind the answer to StartTLS");
    this.#detach();
    this.#socket = await wrap(this.#socket);
    this.#detach = this.#attach(this.#socket);
  }

  /** Says goodbye (RFC 4511 section 4.3) and closes; operations that still wait fail. */
  close(): Promise<void> {
    const socket = this.#socket;
    if (this.open && !socket.destroyed) socket.write(unbind(this.#nextId()));
    this.#finish(this.#error("directory.unreachable", "connection closed by this side"));
    if (socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
      socket.resume();
      socket.end();
    });
  }

  /** Closes at once, without a word. */
  drop(error: AgentError): void {
    this.#finish(error);
    this.#socket.destroy();
  }

  #attach(socket: Socket): () => void {
    const onData = (chunk: Buffer): void => this.#receive(chunk);
    const onError = (error: Error): void => {
      const reason = "code" in error ? String(error.code) : error.message;
      this.drop(this.#error("directory.unreachable", `connection lost (${reason})`, error));
    };
    const onClose = (): void => {
      this.drop(this.#error("directory.unreachable", "connection closed by the server"));
    };
    socket.on("data", onData).on("error", onError).on("close", onClose).on("end", onClose);
    return () => {
      socket.off("data", onData).off("error", onError).off("close", onClose).off("end", onClose);
    };
  }

  #receive(chunk: Buffer): void {
    if (!this.open) return;
    this.#lastByteAt = performance.now();
    try {
      this.#cutter.push(chunk, (buffer, start, end) => {
        if (!this.open) return;
        const reader = new BerReader(buffer);
        reader.setBufferSize(end);
        reader.offset = start;
        this.#dispatch(reader, readEnvelope(reader, end));
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const failure = isProtocolError(error)
        ? this.#error(
            "directory.unreachable",
            `the server broke the LDAP protocol: ${reason}`,
            error,
          )
        : this.#error("internal", `response not understood: ${reason}`, error);
      this.drop(failure);
    }
  }

  #dispatch(reader: BerReader, envelope: Envelope): void {
    const { messageId, tag, end, messageEnd } = envelope;
    if (messageId === 0) {
      this.#noticed(reader, envelope);
      return;
    }
    const operation = this.#operations.get(messageId);
    if (operation === undefined) {
      if (this.#abandoned.has(messageId)) return;
      throw new LdapProtocolError("response to no request");
    }
    operation.lastMessageAt = this.#lastByteAt;
    switch (tag) {
      case RESPONSE.entry:
        operation.sink.entry(reader, end, messageEnd);
        return;
      case RESPONSE.reference:
        operation.sink.reference(readUris(reader, end));
        return;
      case RESPONSE.intermediate:
        operation.sink.intermediate?.(reader, end);
        return;
      case RESPONSE.searchDone:
      case RESPONSE.bind:
      case RESPONSE.extended: {
        const { endsWith = "searchDone" } = operation.sink;
        if (tag !== RESPONSE[endsWith]) throw new LdapProtocolError("answer to another request");
        const result = readResult(reader, envelope);
        operation.sink.result(result);
        // Not before: a control in it that makes no sense has to fail this operation too.
        this.#operations.delete(messageId);
        return;
      }
      default:
        throw new LdapProtocolError(`operation 0x${tag.toString(16)} is no response`);
    }
  }

  /** Unsolicited notifications (RFC 4511 section 4.4); unknown ones are to be ignored. */
  #noticed(reader: BerReader, envelope: Envelope): void {
    if (envelope.tag !== RESPONSE.extended) {
      throw new LdapProtocolError("message 0 is no notification");
    }
    const start = reader.offset;
    const result = readResult(reader, envelope);
    reader.offset = start;
    if (readResponseName(reader, envelope) !== NOTICE_OF_DISCONNECTION_OID) return;
    const meaning = meaningOf(result.code);
    const busy = meaning.kind === "error" && meaning.code === "directory.busy";
    this.drop(
      this.#error(
        busy ? "directory.busy" : "directory.unreachable",
        `the server ended the connection: ${printResult(result)}`,
      ),
    );
  }

  /** Ids of the operations that nothing was heard of for the time-out. */
  #silentOperations(watchMs: number): readonly number[] {
    const now = performance.now();
    // The machine slept: the server has had no time to answer.
    if (now - this.#watchedAt > 3 * watchMs + WATCH_MS) this.#listeningSince = now;
    this.#watchedAt = now;
    const silentSince = now - this.#operationTimeoutMs;
    if (this.#paused || this.#listeningSince > silentSince) return [];
    // A message that is still coming in pieces may be for any of them.
    if (this.#cutter.partial && this.#lastByteAt > silentSince) return [];
    return [...this.#operations]
      .filter(([, { lastMessageAt }]) => lastMessageAt <= silentSince)
      .map(([id]) => id);
  }

  /** Abandons operations that are silent, or the whole connection when all of it is. */
  #giveUp(ids: readonly number[]): void {
    if (ids.length === 0) return;
    const reason = `no answer for ${this.#operationTimeoutMs} ms`;
    const error = this.#error("directory.unreachable", reason);
    if (this.#lastByteAt <= performance.now() - this.#operationTimeoutMs) {
      this.drop(error);
      return;
    }
    for (const id of ids) {
      const sink = this.#operations.get(id)?.sink;
      this.abandon(id);
      sink?.failed(error);
    }
  }

  #finish(error: AgentError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    clearInterval(this.#watch);
    const operations = [...this.#operations.values()];
    this.#operations.clear();
    for (const { sink } of operations) sink.failed(error);
    for (const listener of this.#endListeners.splice(0)) listener(error);
  }

  #nextId(): number {
    do {
      this.#lastId = this.#lastId >= LAST_MESSAGE_ID ? 1 : this.#lastId + 1;
    } while (this.#operations.has(this.#lastId));
    this.#abandoned.delete(this.#lastId);
    return this.#lastId;
  }

  #error(code: AgentError["code"], reason: string, cause?: unknown): AgentError {
    return new AgentError(code, `${this.server.url}: ${reason}`, { cause });
  }
}
