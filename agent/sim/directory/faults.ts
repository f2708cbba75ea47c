import type { SearchScope } from "./request.ts";

export interface SearchPage {
  /** 1 for an unpaged search and for the first page of a paged one. */
  readonly page: number;
  /** Entries that this search sent on the pages before. */
  readonly entries: number;
  readonly paged: boolean;
  readonly baseDn: string;
  readonly searchScope: SearchScope;
}

/**
 * What goes wrong with one page:
 * - `cut`: half of the entries, then the connection is destroyed;
 * - `empty page`: no entry, success, and a cookie that goes on where the page before ended. In an unpaged search:
 *   no entry and success, the silent loss that a client cannot see;
 * - `size limit`, `time limit`: half of the entries, then result 4 or 3, without a cookie;
 * - `referral`: no entry, result 10 with an URI of a server that is not there;
 * - `reference`: the entries as they should be, and a search result reference among them;
 * - `busy`, `unavailable`: no entry, result 51 or 52;
 * - `disconnect`: a notice of disconnection (RFC 4511 section 4.4.1) instead of the page, then the connection ends;
 * - `hang`: no answer, ever; abandon and unbind still work.
 */
export type SearchFault =
  | "cut"
  | "empty page"
  | "size limit"
  | "time limit"
  | "referral"
  | "reference"
  | "busy"
  | "unavailable"
  | "disconnect"
  | "hang";

/** `cut` destroys the connection instead of an answer, `hang` never answers, the others are result 51, 52 and 49. */
export type BindFault = "cut" | "hang" | "busy" | "unavailable" | "invalid credentials";

/**
 * What a test makes go wrong. Both hooks may answer later: the operation waits for them, so that a test can change
 * the directory between two pages. Searches of the root DSE and the subschema are not asked about.
 * ```
 * faults: { onSearchPage: ({ page }) => (page === 3 ? "cut" : undefined) }
 * ```
 */
export interface DirectoryFaults {
  onSearchPage?(page: SearchPage): SearchFault | undefined | Promise<SearchFault | undefined>;
  onBind?(dn: string): BindFault | undefined | Promise<BindFault | undefined>;
}

/** What a referral fault points at: a name that never resolves (RFC 2606). */
export const REFERRAL_URI = "ldap://elsewhere.invalid/";
