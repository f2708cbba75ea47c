import { AgentError } from "../core/error.ts";

/** What a timer of Node takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export function timerMs(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_TIMER_MS);
}

/**
 * Runs work of the client that may never answer: a frozen peer, or an open that was not answered. What comes after the
 * limit is nobody's.
 * @param work gets a signal that is aborted at the limit
 * @throws AgentError `bus.unreachable` at the limit; what the work throws
 */
export async function withLimit<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { limitMs, what }: { readonly limitMs: number; readonly what: string },
): Promise<T> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `${what}: no answer within ${Math.round(limitMs)} ms`;
      reject(new AgentError("bus.unreachable", message));
      late.abort();
    }, timerMs(limitMs));
  });
  const running = work(late.signal);
  running.catch(() => undefined);
  try {
    return await Promise.race([running, limit]);
  } finally {
    clearTimeout(timer);
  }
}
