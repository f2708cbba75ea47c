import { describe, expect, it } from "vitest";
import { Releasers } from "../../agent/service/releasers.ts";

describe("Releasers", () => {
  it("gives back what was acquired last first, one after the other", async () => {
    const order: string[] = [];
    const releasers = new Releasers();
    releasers.add(() => {
      order.push("first");
    });
    releasers.add(async () => {
      order.push("second begins");
      await new Promise((resolve) => setImmediate(resolve));
      order.push("second ends");
    });
    await releasers.run();
    expect(order).toEqual(["second begins", "second ends", "first"]);
  });

  it("tries everything, whatever fails, and tells of all failures", async () => {
    const order: number[] = [];
    const releasers = new Releasers();
    const [sync, async_] = [new Error("sync"), new Error("async")];
    releasers.add(() => {
      order.push(1);
    });
    releasers.add(() => {
      order.push(2);
      throw sync;
    });
    releasers.add(() => Promise.reject(async_));
    releasers.add(() => {
      order.push(4);
    });
    const failure = await releasers.run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors).toEqual([async_, sync]);
    expect(order).toEqual([4, 2, 1]);
  });

  it("gives back once, and what is acquired meanwhile too", async () => {
    let count = 0;
    const releasers = new Releasers();
    releasers.add(() => {
      count++;
      releasers.add(() => {
        count += 10;
      });
    });
    await releasers.run();
    await releasers.run();
    expect(count).toBe(11);
  });

  it("has nothing to do when nothing was acquired", async () => {
    await expect(new Releasers().run()).resolves.toBeUndefined();
  });
});
