/** What rhea keeps of an outgoing delivery. */
interface KeptDelivery {
  readonly id: number;
}

/**
 * Takes the place of rhea's ring of outgoing deliveries, which frees slots only from its head: one long-held
 * peek-lock would stop the link. Here every settled delivery makes room at once.
 */
export class DeliveryMap {
  readonly #capacity: number;
  readonly #deliveries = new Map<number, KeptDelivery>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  available(): number {
    return this.#capacity - this.#deliveries.size;
  }

  push(delivery: KeptDelivery): void {
    this.#deliveries.set(delivery.id, delivery);
  }

  by_id(id: number): KeptDelivery | undefined {
    return this.#deliveries.get(id);
  }

  delete(id: number): void {
    this.#deliveries.delete(id);
  }

  /** Removes from the head what is done: deliveries that were sent settled. */
  pop_if(done: (delivery: KeptDelivery) => boolean): number {
    let removed = 0;
    for (const [id, delivery] of this.#deliveries) {
      if (!done(delivery)) break;
      this.#deliveries.delete(id);
      removed += 1;
    }
    return removed;
  }
}
