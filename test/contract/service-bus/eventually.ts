import { pause } from "./bench.ts";

const TIMEOUT_MS = 15_000;
const INTERVAL_MS = 50;

/** Repeats `assert` until it holds; expect.poll cannot be used in tests that run side by side. */
export async function eventually(
  assert: () => void | Promise<void>,
  { timeoutMs = TIMEOUT_MS, intervalMs = INTERVAL_MS } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await assert();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(intervalMs);
    }
  }
}
