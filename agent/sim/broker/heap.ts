interface HeapOptions<T> {
  readonly key: (item: T) => number;
  /** False once the item has left without being popped; such items are skipped and cleared away later. */
  readonly live: (item: T) => boolean;
}

/** Dead items are cleared away when there are more than this many and they outnumber the live ones. */
const MIN_DEAD = 64;

/** A binary heap: the smallest key first. The key of an item must not change while it is inside. */
export class MinHeap<T> {
  readonly #key: (item: T) => number;
  readonly #live: (item: T) => boolean;
  #items: T[] = [];
  #dead = 0;

  constructor(options: HeapOptions<T>) {
    this.#key = options.key;
    this.#live = options.live;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(this.#items.length - 1);
  }

  /** The live item with the smallest key. */
  peek(): T | undefined {
    for (;;) {
      const first = this.#items[0];
      if (first === undefined || this.#live(first)) return first;
      this.#removeFirst();
      this.#dead = Math.max(0, this.#dead - 1);
    }
  }

  pop(): T | undefined {
    const first = this.peek();
    if (first !== undefined) this.#removeFirst();
    return first;
  }

  /** Says that one item inside is no longer live. */
  forget(): void {
    this.#dead += 1;
    if (this.#dead <= MIN_DEAD || this.#dead * 2 <= this.#items.length) return;
    const items = this.#items.filter(this.#live);
    this.#items = items.sort((a, b) => this.#key(a) - this.#key(b));
    this.#dead = 0;
  }

  #keyAt(index: number): number {
    const item = this.#items[index];
    return item === undefined ? Number.POSITIVE_INFINITY : this.#key(item);
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#items[a], this.#items[b]];
    if (first === undefined || second === undefined) return;
    this.#items[a] = second;
    this.#items[b] = first;
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#keyAt(parent) <= this.#keyAt(index)) return;
      this.#swap(parent, index);
      index = parent;
    }
  }

  #removeFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#keyAt(left + 1) < this.#keyAt(left) ? left + 1 : left;
      if (this.#keyAt(index) <= this.#keyAt(child)) return;
      this.#swap(index, child);
      index = child;
    }
  }
}
