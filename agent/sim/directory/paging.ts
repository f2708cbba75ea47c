import { randomBytes } from "node:crypto";
import type { BerSink } from "./ber-sink.ts";
import { BerSource, SEQUENCE } from "./ber-source.ts";
import type { StoredEntry } from "./entry.ts";
import type { Control, SearchRequest } from "./request.ts";
import { ResultError } from "./result.ts";
import { PAGED_RESULTS } from "./root-dse.ts";

/** Matches in order; `undefined` says that it looked at many entries without one, so that others get their turn. */
export type Cursor = Iterator<StoredEntry | undefined, void>;

/** A search between two of its pages. */
export interface PagedSearch {
  readonly cursor: Cursor;
  /** The match that was found when the page was full already. */
  ahead: StoredEntry | undefined;
  /** Pages sent. */
  pages: number;
  /** Entries sent. */
  entries: number;
}

export interface PageRequest {
  readonly size: number;
  readonly cookie: string;
}

const COOKIE_BYTES = 8;

/** @throws ResultError protocolError for a value that is none */
export function pageRequest(controls: readonly Control[]): PageRequest | undefined {
  const control = controls.find(({ oid }) => oid === PAGED_RESULTS);
  if (control === undefined) return undefined;
  try {
    const value = new BerSource(control.value ?? Buffer.alloc(0)).inside(SEQUENCE);
    const size = value.integer();
    const cookie = value.octets(0x04).toString("latin1");
    if (size < 0) throw new RangeError("negative page size");
    return { size, cookie };
  } catch {
    throw new ResultError("protocolError", "paged results control could not be decoded");
  }
}

/** Value of the response control (RFC 2696); the size is never estimated. */
export function encodePageResponse(sink: BerSink, cookie: string): Buffer {
  sink.octets(Buffer.from(cookie, "latin1"));
  sink.integer(0);
  sink.wrap(SEQUENCE, 0);
  return sink.take();
}

/** The one paged search that a connection has, as in slapd: starting another makes its cookie worthless. */
export class PagingState {
  #held:
    | { readonly cookie: string; readonly fingerprint: string; readonly search: PagedSearch }
    | undefined;

  /**
   * The search that a cookie goes on with, which is then no longer held; undefined for an empty cookie.
   * @throws ResultError unwillingToPerform when the cookie is not the last one, or of another search
   */
  resume(cookie: string, request: SearchRequest): PagedSearch | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (cookie === "") return undefined;
    if (held === undefined || held.cookie !== cookie || held.fingerprint !== fingerprint(request)) {
      throw new ResultError("unwillingToPerform", "paged results cookie is invalid or old");
    }
    return held.search;
  }

  /** @returns the cookie for the next page */
  hold(search: PagedSearch, request: SearchRequest): string {
    const cookie = randomBytes(COOKIE_BYTES).toString("latin1");
    this.#held = { cookie, fingerprint: fingerprint(request), search };
    return cookie;
  }
}

/** RFC 2696 section 3: the next request is the same but for message id, page size and cookie. */
function fingerprint({
  baseDn,
  searchScope,
  filter,
  attributes,
  typesOnly,
}: SearchRequest): string {
  return JSON.stringify([baseDn, searchScope, filter, attributes, typesOnly]);
}
