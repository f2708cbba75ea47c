import type { ScimResource } from "../core/scim/resource.ts";
import type { TargetReadOutcome } from "../ports.ts";
import type { ListAnswer } from "./scim-answer.ts";

/** Resources of one listing; their ids are kept until its end. */
const MAX_RESOURCES = 1_000_000;
const MAX_PAGES = 100_000;

type Parameters = readonly (readonly [name: string, value: string])[];

interface ListingOptions<Page> {
  readonly pageSize: number;
  readonly fetchPage: (parameters: Parameters) => Promise<Page>;
}

type Listing = AsyncGenerator<readonly ScimResource[], TargetReadOutcome>;

type Because = Extract<TargetReadOutcome, { whole: false }>["because"];

/** The ids that were listed, each once. */
class Listed {
  readonly #ids = new Set<string>();
  pages = 0;

  /** @returns the resources of the page that were not listed before */
  add({ resources }: ListAnswer): readonly ScimResource[] {
    this.pages++;
    return resources.filter(({ id }) => {
      const known = this.#ids.has(id);
      this.#ids.add(id);
      return !known;
    });
  }

  get size(): number {
    return this.#ids.size;
  }

  get full(): boolean {
    return this.size > MAX_RESOURCES || this.pages >= MAX_PAGES;
  }

  whole(): TargetReadOutcome {
    return { whole: true, resources: this.size, pages: this.pages };
  }

  cut(because: Because, detail: string): TargetReadOutcome {
    return { whole: false, because, detail, resources: this.size };
  }
}

/**
 * Reads by `startIndex` and `count` (RFC 7644 section 3.4.2.4). Ends with the first page that has nothing new, so that
 * a target that ignores `startIndex` is asked twice and not for ever.
 */
export async function* listByIndex({ pageSize, fetchPage }: ListingOptions<ListAnswer>): Listing {
  const listed = new Listed();
  let total: number | undefined;
  for (;;) {
    const startIndex = listed.size + 1;
    const page = await fetchPage([
      ["startIndex", String(startIndex)],
      ["count", String(pageSize)],
    ]);
    const fresh = listed.add(page);
    if (fresh.length > 0) yield fresh;
    // Behind the end some targets count what the page has.
    if (listed.pages === 1) total = page.totalResults;
    else if (page.totalResults !== total && page.resources.length > 0) {
      return listed.cut("changed", "totalResults changed from page to page");
    }
    if (listed.full) return listed.cut("limit", `more than ${MAX_RESOURCES} resources or pages`);
    if (fresh.length === 0) return endOfIndex(listed, page, { total, pageSize });
    // A first page that is all of it and exactly full may come from a target that counts the page, not the listing.
    const suspicious = listed.pages === 1 && page.resources.length === pageSize;
    if (total !== undefined && listed.size >= total && !suspicious) {
      return listed.size === total
        ? listed.whole()
        : listed.cut("changed", `${listed.size} resources, where totalResults says ${total}`);
    }
  }
}

/** What a page with nothing new proves. */
function endOfIndex(
  listed: Listed,
  { resources }: ListAnswer,
  { total, pageSize }: { readonly total: number | undefined; readonly pageSize: number },
): TargetReadOutcome {
  if (total !== undefined && listed.size === total) return listed.whole();
  if (resources.length === 0) {
    return total === undefined
      ? listed.whole()
      : listed.cut("changed", `${listed.size} resources, where totalResults says ${total}`);
  }
  // More than was asked for, twice the same: this target knows no pages and lists everything each time.
  if (total === undefined && resources.length > pageSize && resources.length === listed.size) {
    return listed.whole();
  }
  return listed.cut("paging ignored", "another page has the same resources again");
}

/** Reads by cursor (RFC 9865). A page is undefined when the target does not know its cursor any more. */
export async function* listByCursor({
  pageSize,
  fetchPage,
}: ListingOptions<ListAnswer | undefined>): Listing {
  const listed = new Listed();
  const cursors = new Set<string>();
  let cursor = "";
  for (;;) {
    const page = await fetchPage([
      ["cursor", cursor],
      ["count", String(pageSize)],
    ]);
    if (page === undefined) return listed.cut("cursor expired", "the target forgot the cursor");
    const fresh = listed.add(page);
    if (fresh.length > 0) yield fresh;
    if (page.nextCursor === undefined) return listed.whole();
    if (listed.full) return listed.cut("limit", `more than ${MAX_RESOURCES} resources or pages`);
    if (cursors.has(page.nextCursor)) {
      return listed.cut("cursor repeated", "the target gave the same cursor twice");
    }
    cursor = page.nextCursor;
    cursors.add(cursor);
  }
}
