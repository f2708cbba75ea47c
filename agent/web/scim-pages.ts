import type { Answer, AnswerElement, RequestHandler, ScimRequest } from "../core/exchange.ts";
import { ScimError } from "../core/scim/error.ts";
import { LIST_RESPONSE_MESSAGE } from "../core/scim/urn.ts";
import { Cursors } from "./cursor.ts";
import { elementJson } from "./element-json.ts";
import type { ListRequest } from "./list-request.ts";
import { Listing } from "./listing.ts";
import type { ListingCache } from "./listing-cache.ts";

export interface ScimPagesOptions {
  readonly handler: RequestHandler;
  readonly cache: ListingCache;
  /** Resources of a page when the client says nothing. */
  readonly defaultPageSize: number;
  readonly maxPageSize: number;
}

/** One page of a list, as it is sent. */
export interface PageAnswer {
  readonly kind: "page";
  readonly json: Buffer;
  /** Resources in it. */
  readonly items: number;
}

interface Place {
  readonly offset: number;
  readonly count: number;
  /** What of the page is said besides its resources. */
  readonly startIndex?: number;
  readonly nextCursor?: string;
}

/**
 * Answers searches page by page. The list behind the pages is read once and kept as JSON, so that they belong together
 * (RFC 9865 section 2); the directory is not asked for each of them.
 */
export class ScimPages {
  readonly #options: ScimPagesOptions;
  readonly #cursors = new Cursors();

  constructor(options: ScimPagesOptions) {
    this.#options = options;
  }

  /**
   * @throws ScimError 400 invalidCursor, expiredCursor, tooMany; AgentError as the handler's list; the signal's reason
   */
  async answer(
    list: ListRequest,
    request: ScimRequest,
    signal: AbortSignal,
  ): Promise<PageAnswer | (Answer & { readonly kind: "document" })> {
    const { cache, defaultPageSize, maxPageSize } = this.#options;
    const { paging, query } = list;
    const count = Math.min(paging.count ?? defaultPageSize, maxPageSize);
    if (paging.kind === "cursor" && paging.cursor !== "") {
      const { listing: name, offset } = this.#cursors.open(paging.cursor, query);
      const listing = cache.use(name);
      if (listing === undefined) throw expired();
      return this.#cursorPage(listing, { name, query, offset, count });
    }
    const startIndex = paging.kind === "index" ? paging.startIndex : undefined;
    const known = startIndex !== undefined && startIndex > 1 ? cache.use(query) : undefined;
    if (startIndex !== undefined && known !== undefined) {
      return pageOf(known, { offset: startIndex - 1, count, startIndex });
    }
    const answer = await this.#options.handler(request, signal);
    if (answer.kind === "document") return answer;
    const listing = new Listing();
    let isKept = false;
    try {
      // Without a cursor no page can follow on a count of 0: only the total is wanted.
      await this.#read(answer, { listing, isCounted: startIndex !== undefined && count === 0 });
      const end = (startIndex ?? 1) - 1 + count;
      const name = startIndex === undefined ? Cursors.newListing() : query;
      isKept = listing.total > end && !(startIndex !== undefined && count === 0);
      if (isKept) cache.keep(name, listing);
      else cache.drop(name);
      if (startIndex === undefined) {
        return this.#cursorPage(listing, { name, query, offset: 0, count });
      }
      return pageOf(listing, { offset: startIndex - 1, count, startIndex });
    } finally {
      if (!isKept) cache.release(listing);
    }
  }

  /** A list that is short, in one document. */
  async whole(answer: Answer & { readonly kind: "list" }): Promise<PageAnswer> {
    const listing = new Listing();
    try {
      await this.#read(answer, { listing, isCounted: false });
      return pageOf(listing, { offset: 0, count: listing.total, startIndex: 1 });
    } finally {
      this.#options.cache.release(listing);
    }
  }

  async #read(
    { elements }: Answer & { readonly kind: "list" },
    { listing, isCounted }: { readonly listing: Listing; readonly isCounted: boolean },
  ): Promise<void> {
    const { cache } = this.#options;
    try {
      for (;;) {
        const next = await elements.next();
        if (next.done === true) return;
        if (isCounted) listing.count(next.value.filter(isResult).length);
        else cache.append(listing, jsonOf(next.value));
      }
    } finally {
      await elements.return({});
    }
  }

  /** RFC 9865 section 2: `nextCursor` is missing on the last page and on no other. */
  #cursorPage(
    listing: Listing,
    at: Place & { readonly name: string; readonly query: string },
  ): PageAnswer {
    const { name, query, offset, count } = at;
    const next = offset + count;
    if (next >= listing.total) return pageOf(listing, { offset, count });
    const nextCursor = this.#cursors.seal({ listing: name, offset: next }, query);
    return pageOf(listing, { offset, count, nextCursor });
  }
}

function isResult(element: AnswerElement): boolean {
  return element.kind !== "problem";
}

function jsonOf(batch: readonly AnswerElement[]) {
  const elements: string[] = [];
  const problems: string[] = [];
  for (const element of batch) {
    (element.kind === "problem" ? problems : elements).push(elementJson(element));
  }
  return { elements, problems };
}

function pageOf(listing: Listing, { offset, count, startIndex, nextCursor }: Place): PageAnswer {
  const items = Math.max(Math.min(count, listing.total - offset), 0);
  const head = JSON.stringify({
    schemas: [LIST_RESPONSE_MESSAGE],
    totalResults: listing.total,
    itemsPerPage: items,
    ...(startIndex === undefined ? {} : { startIndex }),
    ...(nextCursor === undefined ? {} : { nextCursor }),
  });
  // Said once, with the first page.
  const problems =
    offset === 0 && listing.problems.length > 0
      ? `,"problems":[${listing.problems.join(",")}]`
      : "";
  const json = Buffer.concat([
    Buffer.from(`${head.slice(0, -1)}${problems},"Resources":[`, "utf8"),
    ...listing.page(offset, count),
    CLOSE,
  ]);
  return { kind: "page", json, items };
}

const CLOSE = Buffer.from("]}");

function expired(): ScimError {
  return new ScimError(
    400,
    "the list behind this cursor is no longer kept: begin again with an empty cursor",
    { scimType: "expiredCursor" },
  );
}
