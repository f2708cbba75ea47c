/** Ids that are remembered at most, whatever the window; the oldest are forgotten first. */
const MAX_REMEMBERED_IDS = 500_000;

/** The message ids of the last while, for queues that drop duplicates. */
export class DuplicateHistory {
  readonly #windowMs: number;
  readonly #seen = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  has(messageId: string, now: number): boolean {
    const at = this.#seen.get(messageId);
    return at !== undefined && now - at < this.#windowMs;
  }

  add(messageId: string, now: number): void {
    // Deleted first, so that the order of the map stays the order of age.
    this.#seen.delete(messageId);
    this.#seen.set(messageId, now);
    this.prune(now);
  }

  prune(now: number): void {
    for (const [messageId, at] of this.#seen) {
      if (now - at < this.#windowMs && this.#seen.size <= MAX_REMEMBERED_IDS) return;
      this.#seen.delete(messageId);
    }
  }
}
