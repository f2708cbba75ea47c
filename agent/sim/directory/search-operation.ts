import { setImmediate as nextTurn } from "node:timers/promises";
import type { Identity } from "./account.ts";
import { dnKey } from "./distinguished-name.ts";
import type { StoredEntry } from "./entry.ts";
import { compileFilter } from "./evaluation.ts";
import { type DirectoryFaults, REFERRAL_URI, type SearchFault } from "./faults.ts";
import { type PagedSearch, type PageRequest, type PagingState, pageRequest } from "./paging.ts";
import type { Control, SearchRequest } from "./request.ts";
import type { Outlet, Responder } from "./responder.ts";
import { type Result, ResultError, type ResultName } from "./result.ts";
import { createCursor } from "./search.ts";
import { createSelection } from "./selection.ts";
import type { DirectoryStore } from "./store.ts";

export interface SearchLimits {
  /** Entries that an unpaged search gets before result 4, as slapd's `sizelimit` of 500. None without it. */
  readonly entries?: number;
  /** Entries of the largest page, whatever was asked for, as Active Directory's MaxPageSize. None without it. */
  readonly pageEntries?: number;
}

export interface SearchContext {
  readonly store: DirectoryStore;
  readonly identity: Identity | undefined;
  /** Root DSE and subschema. */
  readonly virtualEntries: readonly StoredEntry[];
  readonly paging: PagingState;
  readonly limits: SearchLimits;
  readonly faults: DirectoryFaults;
  readonly outlet: Outlet;
  readonly responder: Responder;
}

const SUCCESS: Result = { result: "success" };
const SECOND_MS = 1000;

/** Faults that are a result without entries. */
const REFUSALS: Partial<Record<SearchFault, Result>> = {
  busy: { result: "busy", message: "busy" },
  unavailable: { result: "unavailable", message: "unavailable" },
  referral: { result: "referral", referral: [REFERRAL_URI] },
};

/** Faults that end a page half way; `cut` has no result. */
const ENDINGS: Partial<Record<SearchFault, ResultName>> = {
  "size limit": "sizeLimitExceeded",
  "time limit": "timeLimitExceeded",
};

/**
 * Answers one search request, which is one page of a paged search. Ends without an answer when `signal` aborts.
 * @throws ResultError for everything that ends it before the first entry
 */
export async function runSearch(
  context: SearchContext,
  { request, controls }: { readonly request: SearchRequest; readonly controls: readonly Control[] },
  signal: AbortSignal,
): Promise<void> {
  const { store, responder, paging } = context;
  const deadlineMs =
    request.timeLimit === 0 ? Number.POSITIVE_INFINITY : Date.now() + request.timeLimit * SECOND_MS;
  const page = pageRequest(controls);
  const key = dnKey(request.baseDn);
  const virtual = context.virtualEntries.find((entry) => entry.key === key);
  if (virtual !== undefined && request.searchScope === "base") {
    answerVirtual(context, virtual, request, page);
    return;
  }
  if (context.identity === undefined) {
    throw new ResultError("insufficientAccessRights", "bind first");
  }
  const base = store.byKey(key);
  if (base === undefined)
    throw new ResultError("noSuchObject", "no such object", store.matchedDn(key));
  const search: PagedSearch = (page === undefined
    ? undefined
    : paging.resume(page.cookie, request)) ?? {
    cursor: createCursor(store, base, request),
    ahead: undefined,
    pages: 0,
    entries: 0,
  };
  if (page?.size === 0 && page.cookie !== "") {
    // RFC 2696 section 3: the client wants no more of it.
    responder.searchResult(SUCCESS, "");
    return;
  }
  const fault = await context.faults.onSearchPage?.({
    page: search.pages + 1,
    entries: search.entries,
    paged: page !== undefined,
    baseDn: request.baseDn,
    searchScope: request.searchScope,
  });
  if (signal.aborted) return;
  await answerPage(context, { request, search, page, fault, deadlineMs }, signal);
}

function answerVirtual(
  { store, responder, identity }: SearchContext,
  entry: StoredEntry,
  request: SearchRequest,
  page: PageRequest | undefined,
): void {
  if (identity === undefined && entry.key !== "")
    throw new ResultError("insufficientAccessRights", "bind first");
  if (compileFilter(request.filter, store)(entry) === true) {
    responder.entry(entry.dn, createSelection(request.attributes, store, request)(entry));
  }
  responder.searchResult(SUCCESS, page === undefined ? undefined : "");
}

interface Page {
  readonly request: SearchRequest;
  readonly search: PagedSearch;
  readonly page: PageRequest | undefined;
  readonly fault: SearchFault | undefined;
  /** Milliseconds since 1970; the time limit of the request. */
  readonly deadlineMs: number;
}

async function answerPage(context: SearchContext, page: Page, signal: AbortSignal): Promise<void> {
  const { responder, outlet, paging } = context;
  const { request, search, fault } = page;
  const paged = page.page !== undefined;
  if (fault === "hang") return;
  if (fault === "disconnect") {
    outlet.disconnect({ result: "unavailable", message: "the server is going away" });
    return;
  }
  const refusal = fault === undefined ? undefined : REFUSALS[fault];
  if (refusal !== undefined) {
    responder.searchResult(refusal, paged ? "" : undefined);
    return;
  }
  if (fault === "empty page") {
    search.pages += 1;
    responder.searchResult(SUCCESS, paged ? paging.hold(search, request) : undefined);
    return;
  }
  if (fault === "reference") responder.reference([REFERRAL_URI]);
  const limit = limitOf(context, page);
  const ending = fault === undefined ? undefined : ENDINGS[fault];
  if (fault === "cut" || ending !== undefined) {
    sendHalf(context, page, limit);
    await responder.flush();
    if (ending === undefined) outlet.destroy();
    else responder.searchResult({ result: ending }, paged ? "" : undefined);
    return;
  }
  const ended = await sendEntries(context, page, limit, signal);
  if (signal.aborted) return;
  search.pages += 1;
  if (ended !== "more") {
    responder.searchResult({ result: ended }, paged ? "" : undefined);
    return;
  }
  if (paged && !limit.isSizeLimit) {
    responder.searchResult(SUCCESS, paging.hold(search, request));
    return;
  }
  responder.searchResult({ result: "sizeLimitExceeded" }, paged ? "" : undefined);
}

interface EntryLimit {
  readonly entries: number;
  /** Whether it is an error to reach it; otherwise the page is full. */
  readonly isSizeLimit: boolean;
}

/** A size limit counts the pages before, as in slapd. */
function limitOf({ limits }: SearchContext, { request, search, page }: Page): EntryLimit {
  const asked =
    request.sizeLimit === 0 ? Number.POSITIVE_INFINITY : request.sizeLimit - search.entries;
  if (page === undefined) {
    const allowed = limits.entries ?? Number.POSITIVE_INFINITY;
    return { entries: Math.min(asked, allowed), isSizeLimit: true };
  }
  const full = Math.min(
    page.size === 0 ? Number.POSITIVE_INFINITY : page.size,
    limits.pageEntries ?? Number.POSITIVE_INFINITY,
  );
  return asked < full
    ? { entries: asked, isSizeLimit: true }
    : { entries: full, isSizeLimit: false };
}

/** @returns how it ended: nothing is left, the limit was reached and more is there, or time is up */
async function sendEntries(
  { store, responder }: SearchContext,
  { request, search, deadlineMs }: Page,
  limit: EntryLimit,
  signal: AbortSignal,
): Promise<"success" | "timeLimitExceeded" | "more"> {
  const select = createSelection(request.attributes, store, request);
  for (let sent = 0; ; ) {
    const next =
      search.ahead === undefined
        ? search.cursor.next()
        : { done: false as const, value: search.ahead };
    search.ahead = undefined;
    if (next.done === true) return "success";
    if (next.value === undefined) {
      await nextTurn();
    } else if (sent >= limit.entries) {
      search.ahead = next.value;
      return "more";
    } else if (!next.value.deleted) {
      sent += 1;
      search.entries += 1;
      if (responder.entry(next.value.dn, select(next.value))) await responder.flush();
    }
    if (signal.aborted) return "more";
    if (Date.now() > deadlineMs) return "timeLimitExceeded";
  }
}

/** For the faults that end a search in the middle of a page. */
function sendHalf(
  { store, responder }: SearchContext,
  { request, search }: Page,
  limit: EntryLimit,
): void {
  const select = createSelection(request.attributes, store, request);
  const entries: StoredEntry[] = search.ahead === undefined ? [] : [search.ahead];
  while (entries.length < limit.entries) {
    const next = search.cursor.next();
    if (next.done === true) break;
    if (next.value !== undefined) entries.push(next.value);
  }
  for (const entry of entries.slice(0, Math.floor(entries.length / 2)))
    responder.entry(entry.dn, select(entry));
}
