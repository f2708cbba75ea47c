/** Pushes between two sweeps while there is room: a sweep looks at every held delivery, so it must stay rare. */
const SWEEP_EVERY_DELIVERIES = 256;

/**
 * The deliveries of one AMQP session that are not settled yet, by id. It has the interface of rhea's incoming ring buffer
 * but frees a settled delivery wherever it is, so that one delivery that stays unsettled costs one place and not the link.
 * Settled ones are taken from the front at once, and from behind a held one by a sweep now and then.
 */
export class DeliveryWindow<T extends { readonly id: number }> {
  /** How many deliveries may be unsettled at the same time; the peer stops sending there. */
  readonly capacity: number;
  readonly #held = new Map<number, T>();
  readonly #onFull: () => void;
  #pushes = 0;
  #full = false;

  /** @param onFull called once each time the window fills up with unsettled deliveries */
  constructor(capacity: number, onFull: () => void) {
    this.capacity = capacity;
    this.#onFull = onFull;
  }

  get size(): number {
    return this.#held.size;
  }

  available(): number {
    return this.capacity - this.#held.size;
  }

  /** @throws Error when full: the peer sent more than the window allows */
  push(delivery: T): void {
    if (this.available() <= 0) {
      throw new Error(`delivery ${delivery.id} exceeds the window of ${this.capacity} deliveries`);
    }
    this.#held.set(delivery.id, delivery);
    this.#pushes++;
  }

  by_id(id: number): T | undefined {
    return this.#held.get(id);
  }

  /** The deliveries held, oldest first. */
  held(): IterableIterator<T> {
    return this.#held.values();
  }

  /** Frees the deliveries for which `isDone` holds, at least those at the front. Returns how many. */
  pop_if(isDone: (delivery: T) => boolean): number {
    const before = this.#held.size;
    if (before === 0) return 0;
    // The share of the room keeps a nearly full window from waiting for pushes that can no longer come.
    const sweeps = this.#pushes >= Math.min(SWEEP_EVERY_DELIVERIES, this.available() >> 1);
    for (const [id, delivery] of this.#held) {
      if (isDone(delivery)) this.#held.delete(id);
      else if (!sweeps) break;
    }
    if (sweeps) this.#pushes = 0;
    this.#sayWhenFull();
    return before - this.#held.size;
  }

  #sayWhenFull(): void {
    const full = this.available() === 0;
    if (full && !this.#full) this.#onFull();
    this.#full = full;
  }
}
