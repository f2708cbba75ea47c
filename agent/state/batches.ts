import { setImmediate } from "node:timers/promises";

/** Rows that are read or removed at a time; between batches the process does other things. */
export const BATCH_ROWS = 500;

/** Reads batch after batch: `read` is told the last element of the one before. A batch that is not full ends it. */
export async function* inBatches<T>(
  read: (after: T | undefined) => readonly T[],
): AsyncGenerator<readonly T[], void> {
  let after: T | undefined;
  while (true) {
    const batch = read(after);
    if (batch.length > 0) yield batch;
    if (batch.length < BATCH_ROWS) return;
    after = batch.at(-1);
    await setImmediate();
  }
}

/** Removes until nothing is left to remove. @returns how many rows */
export async function removeInBatches(remove: (limit: number) => number): Promise<number> {
  let total = 0;
  while (true) {
    const removed = remove(BATCH_ROWS);
    total += removed;
    if (removed < BATCH_ROWS) return total;
    await setImmediate();
  }
}
