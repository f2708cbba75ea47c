import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { Log } from "../ports.ts";
import type { Settlement } from "./settlement.ts";

/** Share of a lock's duration after which it is renewed: two more tries fit before it runs out. */
const RENEWAL_SHARE = 1 / 3;
const MIN_RENEWAL_MS = 500;

/** Thrown into work whose message the broker may have given to somebody else. */
export class LockLostError extends Error {
  constructor() {
    super("the lock on the request was lost");
    this.name = "LockLostError";
  }
}

/**
 * Keeps the lock on a message while it is worked on. The client's own renewer stops after five minutes and stops
 * for one message when another with the same id is settled; this one renews by lock token at a fixed interval.
 */
export class LockKeeper {
  readonly #options: LockKeeperOptions;
  readonly #lost = new AbortController();
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
    const lockMs = (options.message.lockedUntilUtc?.getTime() ?? 0) - options.now();
    this.#intervalMs = Math.max(lockMs * RENEWAL_SHARE, MIN_RENEWAL_MS);
    this.#schedule();
  }

  /** Aborted with `LockLostError` when the lock is gone, or could not be renewed before it ran out. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#renew(), this.#intervalMs);
  }

  async #renew(): Promise<void> {
    const { settlement, receiver, message, now, log } = this.#options;
    try {
      const renewed = await settlement.renewLock(receiver, message);
      if (renewed === "lock lost") return this.#lose();
    } catch (error) {
      log.warn("lock.renewalFailed", { error });
      // It holds until it runs out; a broker that comes back before then lets the work go on.
      if ((message.lockedUntilUtc?.getTime() ?? 0) <= now()) return this.#lose();
    }
    if (!this.#stopped) this.#schedule();
  }

  #lose(): void {
    if (!this.#stopped) this.#lost.abort(new LockLostError());
  }
}

export interface LockKeeperOptions {
  readonly settlement: Settlement;
  readonly receiver: ServiceBusReceiver;
  readonly message: ServiceBusReceivedMessage;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Log;
}
