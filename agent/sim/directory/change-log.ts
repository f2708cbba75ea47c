import type { StoredEntry } from "./entry.ts";

/** Compacted when it holds this many times as many lines as there are entries. */
const COMPACT_AT = 2;
const COMPACT_FLOOR = 10_000;

/**
 * Entries in the order of their last change, so that `entryCSN>=` and `modifyTimestamp>=` cost what changed and not
 * what is there.
 */
export class ChangeLog {
  #lines: { readonly csn: string; readonly entry: StoredEntry }[] = [];

  /** @param entries how many the store holds */
  append(entry: StoredEntry, entries: number): void {
    this.#lines.push({ csn: entry.csn, entry });
    if (this.#lines.length > Math.max(COMPACT_FLOOR, entries * COMPACT_AT)) {
      this.#lines = this.#lines.filter(
        (line) => line.csn === line.entry.csn && !line.entry.deleted,
      );
    }
  }

  /** Entries whose last change has at least this CSN, or a CSN that starts with a later time. */
  since(csn: string): Set<StoredEntry> {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lines[middle]?.csn ?? "") < csn) low = middle + 1;
      else high = middle;
    }
    return new Set(this.#lines.slice(low).map((line) => line.entry));
  }
}
