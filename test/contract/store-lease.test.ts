import Database from "libsql";
import { afterEach, describe, expect, it } from "vitest";
import { gather, JOB, StoreFolder, shadow, takeJob } from "../support/store.ts";
import { StoreProcess } from "../support/store-process.ts";

const folder = new StoreFolder();
const processes: StoreProcess[] = [];

afterEach(async () => {
  for (const process of processes.splice(0)) await process.kill();
  await folder.clear();
});

async function process(options: Readonly<Record<string, unknown>>): Promise<StoreProcess> {
  const started = new StoreProcess(await folder.path(), "lease", options);
  processes.push(started);
  return started;
}

/** For the real time, which the other processes have. */
const clock = { now: () => Date.now() };

describe("a job", () => {
  it("is held by one of several processes that come at once, also while the file is made", async () => {
    const started = await Promise.all(
      ["a", "b", "c", "d"].map((owner) => process({ owner, leaseMs: 60_000 })),
    );
    const lines = await Promise.all(started.map((one) => one.line()));
    const holders = lines.flatMap(({ held }) => held ?? []);
    expect(holders).toHaveLength(1);
    const refused = { code: "state.locked", message: `job ${JOB} is run by ${holders[0]}` };
    expect(lines.filter(({ held }) => held === undefined)).toEqual([refused, refused, refused]);
  });

  it("is free as soon as a holder that was killed has not renewed for long enough", async () => {
    const first = await process({ owner: "a", leaseMs: 1_500 });
    expect(await first.line()).toEqual({ held: "a" });
    await first.kill();
    const store = await folder.open({ clock });
    await expect(takeJob(store)).rejects.toMatchObject({ code: "state.locked", retryable: true });
    const deadline = Date.now() + 10_000;
    let attempts = 0;
    while (Date.now() < deadline) {
      attempts += 1;
      const job = await takeJob(store).catch(() => undefined);
      if (job !== undefined) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(attempts).toBeGreaterThan(2);
    expect((await store.jobs())[0]?.lease?.owner).toBe("this process");
  });

  it("is free at once when the holder is known to be gone", async () => {
    const first = await process({ owner: "a", leaseMs: 60_000 });
    await first.line();
    await first.kill();
    const store = await folder.open({ clock });
    const asked: string[] = [];
    const isGone = (owner: string) => asked.push(owner) > 0;
    await store.openJob(JOB, { owner: "b", leaseMs: 60_000, isGone });
    expect(asked).toEqual(["a"]);
    const other = { owner: "c", leaseMs: 60_000, isGone: () => false };
    await expect(store.openJob(JOB, other)).rejects.toMatchObject({ code: "state.locked" });
  });

  it("takes nothing from a holder that was overtaken", async () => {
    const store = await folder.open();
    const late = await takeJob(store, "late");
    await late.write({ shadows: [shadow("ada")] });
    folder.clock.advance(60_000);
    const next = await takeJob(await folder.open(), "next");
    const lost = { code: "state.locked", message: `job ${JOB} is run by next now` };
    await expect(late.write({ shadows: [shadow("bob")] })).rejects.toMatchObject(lost);
    await expect(late.renew()).rejects.toMatchObject(lost);
    await expect(late.stagePart(0, [])).rejects.toMatchObject(lost);
    await expect(late.discardImport()).rejects.toMatchObject(lost);
    await late.release();
    await next.write({ shadows: [shadow("eve")] });
    expect(await gather(next.shadows())).toEqual([shadow("ada"), shadow("eve")]);
  });

  it("stays with a holder that was late while nobody else came", async () => {
    const store = await folder.open();
    const job = await takeJob(store);
    folder.clock.advance(90_000);
    expect((await store.jobs())[0]?.lease).toBeUndefined();
    await job.write({ shadows: [shadow("ada")] });
    await job.renew();
    await expect(takeJob(await folder.open(), "other")).rejects.toMatchObject({
      code: "state.locked",
      hint: "it holds the job until 2026-08-01T00:02:30.000Z and goes on while it runs",
    });
  });

  it("is free when it was given up, and its old holder writes no more", async () => {
    const store = await folder.open();
    const job = await takeJob(store);
    await job.release();
    const given = { code: "state.locked", message: `job ${JOB} was given up` };
    await expect(job.write({ state: { watermark: "x" } })).rejects.toMatchObject(given);
    await expect(job.renew()).rejects.toMatchObject(given);
    const next = await takeJob(store, "next");
    expect((await next.state()).watermark).toBeUndefined();
  });

  it("is not waited for longer than a few seconds while another program writes", async () => {
    const job = await takeJob(await folder.open());
    const file = await folder.path();
    const other = new Database(file);
    other.exec("BEGIN IMMEDIATE");
    try {
      await expect(job.write({ state: { watermark: "x" } })).rejects.toMatchObject({
        code: "state.locked",
        message: `another process writes ${file}`,
      });
      expect((await job.state()).watermark).toBeUndefined();
    } finally {
      other.exec("ROLLBACK");
      other.close();
    }
    await job.write({ state: { watermark: "y" } });
    expect((await job.state()).watermark).toBe("y");
  });
});
