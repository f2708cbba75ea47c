import { it } from "vitest";
import { Bench } from "./bench.ts";
import type { QueueKind } from "./target.ts";

/** Waiting for a free queue included. */
const TEST_TIMEOUT_MS = 120_000;

type Run = (bench: Bench) => Promise<void>;

function onBench(kind: QueueKind, run: Run): () => Promise<void> {
  return async () => {
    const bench = await Bench.open(kind);
    try {
      await run(bench);
    } finally {
      await bench.close();
    }
  };
}

/** A test of one operation, on a queue of this kind that is empty and nobody else's. */
export function operation(name: string, kind: QueueKind, run: Run): void {
  it.concurrent(name, { timeout: TEST_TIMEOUT_MS }, onBench(kind, run));
}

/** The same, with no other test at its side. */
export function operationAlone(name: string, kind: QueueKind, run: Run): void {
  it(name, { timeout: TEST_TIMEOUT_MS }, onBench(kind, run));
}
