import { setMaxListeners } from "node:events";

/**
 * What the promise gives, or the signal's reason when that comes first: the work goes on for whoever else waits for it.
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // One signal may stop any number of reads; each listens while it runs.
  setMaxListeners(0, signal);
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    const done = (): void => signal.removeEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(done);
  });
}
