import { describe, expect, it } from "vitest";
import { KeyedQueue } from "../../agent/target/keyed-queue.ts";

const { signal } = new AbortController();

/** Work that ends when it is told to, and says when it began. */
function workshop(queue: KeyedQueue) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    add(name: string, key: string | undefined, stop: AbortSignal = signal): Promise<string> {
      return queue.run(
        key,
        () => {
          begun.push(name);
          return new Promise((resolve) => ends.set(name, () => resolve(name)));
        },
        stop,
      );
    },
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("a keyed queue", () => {
  it("runs as many as it may, those of one key in turn, and lets others past", async () => {
    const { begun, add, end } = workshop(new KeyedQueue(2));
    const all = [add("a1", "a"), add("a2", "a"), add("b1", "b"), add("c", undefined)];
    await end("");
    expect(begun).toEqual(["a1", "b1"]);
    await end("b1");
    expect(begun).toEqual(["a1", "b1", "c"]);
    await end("a1");
    expect(begun).toEqual(["a1", "b1", "c", "a2"]);
    await end("c");
    await end("a2");
    expect(await Promise.all(all)).toEqual(["a1", "a2", "b1", "c"]);
  });

  it("goes on after work that failed", async () => {
    const queue = new KeyedQueue(1);
    const failed = queue.run("a", () => Promise.reject(new Error("no")), signal);
    const next = queue.run("a", async () => "yes", signal);
    await expect(failed).rejects.toThrow("no");
    expect(await next).toBe("yes");
  });

  it("forgets who gave up waiting", async () => {
    const { begun, add, end } = workshop(new KeyedQueue(1));
    const stop = new AbortController();
    const first = add("first", "a");
    const second = add("second", "a", stop.signal);
    const third = add("third", "a");
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(second).rejects.toBe(reason);
    await end("first");
    expect(begun).toEqual(["first", "third"]);
    await end("third");
    expect(await Promise.all([first, third])).toEqual(["first", "third"]);
    await expect(add("late", "a", stop.signal)).rejects.toBe(reason);
  });

  it("sends away who comes when ten thousand wait", async () => {
    const queue = new KeyedQueue(1);
    let end = (): void => undefined;
    const running = queue.run(
      undefined,
      () => new Promise<void>((resolve) => (end = resolve)),
      signal,
    );
    const waiting = Array.from({ length: 10_000 }, () =>
      queue.run(undefined, async () => 1, signal),
    );
    await expect(queue.run(undefined, async () => 1, signal)).rejects.toMatchObject({
      code: "internal",
    });
    end();
    await running;
    expect(await Promise.all(waiting)).toHaveLength(10_000);
  });
});
