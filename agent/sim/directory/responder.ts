import { BerSink } from "./ber-sink.ts";
import { encodePageResponse } from "./paging.ts";
import {
  type AnsweredKind,
  encodeEntry,
  encodeReference,
  encodeResult,
  type ResultAttribute,
  type ResultExtras,
} from "./response.ts";
import type { Result } from "./result.ts";
import { PAGED_RESULTS } from "./root-dse.ts";

/** Where the octets of one connection go. */
export interface Outlet {
  write(octets: Buffer): void;
  /** Resolves when the peer has read enough for more to be written, or is gone. */
  drained(): Promise<void>;
  /** Ends the connection without a word. */
  destroy(): void;
  /** Ends the connection with a notice of disconnection. */
  disconnect(result: Result): void;
}

/** Entries are written together up to this size. */
const BATCH_BYTES = 64 * 1024;

/** Answers one operation. Used by one operation at a time, so that all of a process share one sink. */
export class Responder {
  static readonly #sink = new BerSink();
  readonly #outlet: Outlet;
  readonly #messageId: number;
  #pending: Buffer[] = [];
  #bytes = 0;

  constructor(outlet: Outlet, messageId: number) {
    this.#outlet = outlet;
    this.#messageId = messageId;
  }

  /** @returns whether enough is pending to `flush` */
  entry(dn: string, attributes: readonly ResultAttribute[]): boolean {
    return this.#add(encodeEntry(Responder.#sink, this.#messageId, dn, attributes));
  }

  reference(uris: readonly string[]): void {
    this.#add(encodeReference(Responder.#sink, this.#messageId, uris));
  }

  /** Writes what is pending and waits until the peer can take more: nothing piles up here for a slow one. */
  async flush(): Promise<void> {
    this.#write();
    await this.#outlet.drained();
  }

  result(kind: AnsweredKind, result: Result, extras: ResultExtras = {}): void {
    this.#add(encodeResult(Responder.#sink, this.#messageId, kind, result, extras));
    this.#write();
  }

  /** @param cookie for the next page; empty after the last one; undefined when the search is not paged */
  searchResult(result: Result, cookie: string | undefined): void {
    if (cookie === undefined) {
      this.result("search", result);
      return;
    }
    const value = encodePageResponse(Responder.#sink, cookie);
    this.result("search", result, { controls: [{ oid: PAGED_RESULTS, value }] });
  }

  #add(message: Buffer): boolean {
    this.#pending.push(message);
    this.#bytes += message.length;
    return this.#bytes >= BATCH_BYTES;
  }

  #write(): void {
    if (this.#pending.length === 0) return;
    this.#outlet.write(Buffer.concat(this.#pending, this.#bytes));
    this.#pending = [];
    this.#bytes = 0;
  }
}
