import { BerReader } from "ldapts";
import { AgentError } from "../core/error.ts";
import type { ReadOutcome } from "../ports.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { BatchQueue } from "./batch-queue.ts";
import { enter, readBytes, readInteger } from "./ber-reading.ts";
import type { LdapConnection, ResponseSink } from "./connection.ts";
import { decodeEntry, type RawEntry } from "./entry-decoding.ts";
import { pagedResults, type SearchRequest, search } from "./requests.ts";
import {
  errorOfResult,
  isUnbound,
  type LdapResult,
  meaningOf,
  printResult,
} from "./result-code.ts";

export const PAGED_RESULTS_OID = "1.2.840.113556.1.4.319";

/** What the root DSE says of the paged results control; "unknown" when it cannot be read. */
export type PagingSupport = "supported" | "unsupported" | "unknown";

export interface PagedSearchOptions {
  readonly connection: LdapConnection;
  readonly request: SearchRequest;
  readonly names: AttributeNames;
  readonly pageSize: number;
  readonly paging: PagingSupport;
  /** Of the whole search; 0 is none. */
  readonly sizeLimit: number;
  /** Of one page; 0 is none. */
  readonly timeLimitSeconds: number;
}

/** Entries and bytes of one batch. */
const BATCH_ENTRIES = 500;
const BATCH_BYTES = 4 << 20;
/** Active Directory sends an empty page after two minutes without a match; this many are no progress. */
const MAX_EMPTY_PAGES = 1000;

const NO_COOKIE = Buffer.alloc(0);

/** protocolError, unavailableCriticalExtension, unwillingToPerform: what servers answer to a cookie they forgot. */
const COOKIE_REFUSALS: ReadonlySet<number> = new Set([2, 12, 53]);

/**
 * A search in pages (RFC 2696), read as one stream of batches. It needs the connection for itself: OpenLDAP keeps
 * one paged search a connection.
 *
 * The next page is asked for as soon as one has ended, unless a batch waits for the consumer. A page may be empty and
 * have a cookie; only a missing cookie ends the list. While `hold` is on, nothing new is asked for and the socket is
 * read, so that other requests on this connection get their answers.
 */
export class PagedSearch implements ResponseSink {
  readonly #options: PagedSearchOptions;
  readonly #queue: BatchQueue<RawEntry>;
  #messageId: number | undefined;
  #deferredCookie: Buffer | undefined;
  #held = false;
  readonly #pageSize: number;
  #pages = 0;
  #entries = 0;
  #pageEntries = 0;
  #emptyPages = 0;
  #references = 0;
  #firstReference: string | undefined;
  #cut: Extract<ReadOutcome, { whole: false }> | undefined;
  /** Whether the server has said anything. */
  answered = false;
  /** The server holds the connection for unbound; a new one may do. */
  unbound = false;

  constructor(options: PagedSearchOptions) {
    this.#options = options;
    const { connection, pageSize, sizeLimit } = options;
    // RFC 2696 section 3: a server may leave out the paging when a page holds all that the limit lets through.
    this.#pageSize = sizeLimit === 0 ? pageSize : Math.min(pageSize, sizeLimit);
    this.#queue = new BatchQueue<RawEntry>({
      maxItems: BATCH_ENTRIES,
      maxBytes: BATCH_BYTES,
      onFull: () => {
        if (!this.#held) connection.pause();
      },
      onDrained: () => this.#goOn(),
    });
    this.#ask(NO_COOKIE);
  }

  /** @throws AgentError, or the reason given to `abandon` */
  next(): Promise<readonly RawEntry[] | undefined> {
    return this.#queue.next();
  }

  hold(): void {
    this.#held = true;
    this.#options.connection.resume();
  }

  release(): void {
    this.#held = false;
    if (this.#queue.full) this.#options.connection.pause();
    else this.#goOn();
  }

  /** Ends it: the server is told, and `next` throws the reason. */
  abandon(reason: unknown): void {
    this.#deferredCookie = undefined;
    if (this.#messageId !== undefined) this.#options.connection.abandon(this.#messageId);
    this.#queue.fail(reason);
  }

  /** How the read ended, for so many entries; to be asked for after the last batch. */
  outcome(entries: number): ReadOutcome {
    if (this.#cut !== undefined) return { ...this.#cut, entries };
    if (this.#references === 0) return { whole: true, entries, pages: this.#pages };
    const detail = `${this.#references} search references not followed, the first to ${hostOf(this.#firstReference)}`;
    return { whole: false, because: "referral", detail, entries };
  }

  entry(reader: BerReader, end: number): void {
    this.answered = true;
    const { sizeLimit } = this.#options;
    if (sizeLimit > 0 && ++this.#entries > sizeLimit) {
      this.#cutAt(sizeLimit);
      return;
    }
    const bytes = end - reader.offset;
    this.#pageEntries++;
    this.#queue.push(decodeEntry(reader, end, this.#options.names), bytes);
  }

  reference(uris: readonly string[]): void {
    this.answered = true;
    this.#references++;
    this.#firstReference ??= uris[0];
  }

  failed(error: AgentError): void {
    this.#queue.fail(error);
  }

  result(result: LdapResult): void {
    this.answered = true;
    this.#messageId = undefined;
    const meaning = meaningOf(result.code);
    switch (meaning.kind) {
      case "success":
        this.#pages++;
        this.#pageEnded(result);
        return;
      case "cut":
        this.#cut = {
          whole: false,
          because: meaning.because,
          detail: `${printResult(result)}, after ${this.#pages} pages${to(result.referrals)}`,
          entries: 0,
        };
        this.#queue.end();
        return;
      case "error":
        this.unbound = isUnbound(result);
        this.#queue.fail(this.#errorOf(result));
    }
  }

  #cutAt(sizeLimit: number): void {
    const detail = `there are more than the ${sizeLimit} that the configuration allows`;
    this.#cut = { whole: false, because: "size limit", detail, entries: 0 };
    if (this.#messageId !== undefined) this.#options.connection.abandon(this.#messageId);
    this.#messageId = undefined;
    this.#queue.end();
  }

  #pageEnded(result: LdapResult): void {
    const { paging, request } = this.#options;
    const control = result.controls.get(PAGED_RESULTS_OID);
    const cookie = control === undefined ? NO_COOKIE : parseCookie(control);
    if (control === undefined && paging !== "unsupported") {
      // Something between may have taken the control away, and with it the rest of the list. A server that does not
      // know the control sends all, which is hardly ever exactly one page.
      if (paging === "supported" || this.#pages > 1 || this.#pageEntries === this.#pageSize) {
        this.#queue.fail(
          new AgentError(
            "directory.refused",
            `search below ${request.baseDn}: a page came without its paged results control`,
            { hint: "look for a proxy between that strips controls" },
          ),
        );
        return;
      }
    }
    if (cookie.length === 0) {
      this.#queue.end();
      return;
    }
    this.#emptyPages = this.#pageEntries === 0 ? this.#emptyPages + 1 : 0;
    if (this.#emptyPages > MAX_EMPTY_PAGES) {
      const reason = `search below ${request.baseDn}: ${MAX_EMPTY_PAGES} empty pages in a row`;
      this.#queue.fail(new AgentError("directory.refused", reason));
      return;
    }
    this.#queue.flush();
    if (this.#held || this.#queue.full) this.#deferredCookie = cookie;
    else this.#ask(cookie);
  }

  #goOn(): void {
    if (this.#held) return;
    this.#options.connection.resume();
    const cookie = this.#deferredCookie;
    this.#deferredCookie = undefined;
    if (cookie !== undefined) this.#ask(cookie);
  }

  #ask(cookie: Buffer): void {
    const { connection, request, paging, sizeLimit, timeLimitSeconds } = this.#options;
    this.#pageEntries = 0;
    const controls = [...(request.controls ?? [])];
    if (paging !== "unsupported") {
      const critical = paging === "supported";
      const value = pagedResults(this.#pageSize, cookie);
      controls.push({ oid: PAGED_RESULTS_OID, critical, value });
    }
    // One more than are allowed: servers that end at a limit and call it a success are found out.
    const limits = { sizeLimit: sizeLimit === 0 ? 0 : sizeLimit + 1, timeLimitSeconds };
    this.#messageId = connection.send(search({ ...request, ...limits, controls }), this);
  }

  #errorOf(result: LdapResult): AgentError {
    const what = `search below ${this.#options.request.baseDn}`;
    if (this.#pages === 0 || !COOKIE_REFUSALS.has(result.code)) return errorOfResult(what, result);
    return new AgentError(
      "directory.busy",
      `${what}: the server gave up after ${this.#pages} pages: ${printResult(result)}`,
      { hint: "servers drop the cookies of old paged searches; a new search may get through" },
    );
  }
}

/** The cookie of a paged results response control; empty at the end of the list. */
export function parseCookie(control: Buffer): Buffer {
  const reader = new BerReader(control);
  const end = enter(reader, 0x30, control.length);
  readInteger(reader, 0x02, end);
  return readBytes(reader, 0x04, end);
}

function to(referrals: readonly string[]): string {
  return referrals.length === 0 ? "" : `, to ${hostOf(referrals[0])}`;
}

/** Scheme and host of an LDAP url; the rest may name a person. */
function hostOf(uri = ""): string {
  return /^[a-z]+:\/\/[^/?\s]{0,253}/i.exec(uri)?.[0] ?? "an unnamed server";
}
