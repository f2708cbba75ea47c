import { execFile } from "node:child_process";
import { open, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import Database from "libsql";
import { afterEach, describe, expect, it } from "vitest";
import { MIGRATIONS } from "../../agent/state/schema.ts";
import { gather, StoreFolder, shadow, summary, takeJob } from "../support/store.ts";
import { StoreProcess } from "../support/store-process.ts";

const folder = new StoreFolder();
const processes: StoreProcess[] = [];

afterEach(async () => {
  for (const process of processes.splice(0)) await process.kill();
  await folder.clear();
});

async function writer(
  options: Readonly<Record<string, unknown>> & { readonly fileBlocks?: number },
): Promise<StoreProcess> {
  const started = new StoreProcess(await folder.path(), "write", { owner: "writer", ...options });
  processes.push(started);
  return started;
}

/** A file with some shadows, closed. */
async function madeFile(shadows = 300): Promise<string> {
  const store = await folder.open();
  const job = await takeJob(store);
  const names = Array.from({ length: shadows }, (_, index) => `p${index}`);
  await job.write({ shadows: names.map((name) => shadow(name)), state: { watermark: "kept" } });
  await job.release();
  await store.close();
  return folder.path();
}

async function overwrite(file: string, position: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, "r+");
  await handle.write(bytes, 0, bytes.length, position);
  await handle.close();
}

describe("a process that is killed while it writes", () => {
  it.each([[1], [2], [3], [4]])(
    "leaves whole batches and nothing of another (attempt %s)",
    async (attempt) => {
      const child = await writer({ perBatch: 400, batches: 10_000 });
      const atLeast = attempt * 3;
      let said = 0;
      while (said < atLeast) if ((await child.line())["written"] !== undefined) said += 1;
      // Somewhere in the batches that follow.
      await sleep(attempt * 7);
      await child.kill();
      const job = await takeJob(await folder.open({ clock: { now: () => Date.now() + 60_000 } }));
      const batches = Number((await job.state()).watermark);
      expect(batches).toBeGreaterThanOrEqual(atLeast);
      expect((await gather(job.shadows())).length).toBe(batches * 400);
    },
  );

  it("in the middle of one transaction leaves what was before it", async () => {
    const child = await writer({ perBatch: 200_000, batches: 1 });
    expect(await child.line()).toEqual({ begins: 0 });
    // The journal grows: the transaction is under way and larger than what SQLite keeps in memory.
    const journal = `${await folder.path()}-wal`;
    const sizeOf = async () => (await stat(journal)).size;
    const before = await sizeOf();
    while ((await sizeOf()) < before + 4 * 1_048_576) await sleep(5);
    await child.kill();
    const job = await takeJob(await folder.open({ clock: { now: () => Date.now() + 60_000 } }));
    expect([(await job.state()).watermark, await gather(job.shadows())]).toEqual([undefined, []]);
  });
});

describe("a file that is damaged", () => {
  const damaged = { code: "state.corrupt", exit: 70, retryable: false };

  it.each<[string, (file: string, bytes: number) => Promise<void>]>([
    ["is no database at all", (file) => writeFile(file, "not a database, ".repeat(1_000))],
    ["has lost its beginning", (file) => overwrite(file, 0, new Uint8Array(4_096))],
    ["has lost its end", (file, bytes) => truncate(file, Math.floor(bytes / 8_192) * 4_096)],
    [
      "has a page of something else",
      (file, bytes) =>
        overwrite(file, Math.floor(bytes / 8_192) * 4_096, new Uint8Array(4_096).fill(0x5a)),
    ],
  ])("because it %s is refused with what to do", async (_, damage) => {
    const file = await madeFile();
    await damage(file, (await stat(file)).size);
    await expect(folder.open()).rejects.toMatchObject({
      ...damaged,
      message: `${file} is damaged`,
      hint: expect.stringContaining("restore a backup"),
    });
  });

  it("while it is open is noticed", async () => {
    const file = await madeFile();
    const store = await folder.open();
    // Whoever reads next must read from the disk.
    await takeJob(await folder.open());
    const { size } = await stat(file);
    await overwrite(file, 4_096, new Uint8Array(size - 4_096).fill(0x5a));
    await expect(store.jobs()).rejects.toMatchObject(damaged);
  });

  it("in a value is noticed when it is read", async () => {
    const file = await madeFile(1);
    const database = new Database(file);
    database.exec("UPDATE shadow SET exported = '{'");
    database.close();
    const job = await takeJob(await folder.open());
    await expect(gather(job.shadows())).rejects.toMatchObject(damaged);
  });
});

describe("a disk that is full", () => {
  it("keeps what was there, takes nothing of the batch, and goes on when there is room", async () => {
    const store = await folder.open({ maxMebibytes: 1 });
    const job = await takeJob(store);
    await job.write({ shadows: [shadow("ada")], state: { watermark: "kept" } });
    const many = Array.from({ length: 5_000 }, (_, index) => shadow(`p${index}`));
    const batch = { removedShadows: ["anchor-ada"], shadows: many, state: { watermark: "new" } };
    await expect(job.write(batch)).rejects.toMatchObject({
      code: "state.unavailable",
      exit: 74,
      retryable: true,
      message: `${await folder.path()} cannot grow`,
    });
    expect([(await job.state()).watermark, await gather(job.shadows())]).toEqual([
      "kept",
      [shadow("ada")],
    ]);
    await job.write({ state: { watermark: "small" } });
    await job.release();
    await store.close();
    const roomy = await takeJob(await folder.open());
    await roomy.write(batch);
    expect((await gather(roomy.shadows())).length).toBe(5_000);
  });

  it.skipIf(process.platform === "win32")(
    "as the system says it (a limit to the size of files)",
    async () => {
      await madeFile(0);
      const child = await writer({ perBatch: 400, batches: 1_000, fileBlocks: 4_096 });
      let written = 0;
      let line = await child.line();
      while (line["code"] === undefined) {
        if (line["written"] !== undefined) written += 1;
        line = await child.line();
      }
      expect(line).toEqual({ code: "state.unavailable" });
      await child.kill();
      const job = await takeJob(await folder.open({ clock: { now: () => Date.now() + 60_000 } }));
      expect((await job.state()).watermark).toBe(String(written));
      expect((await gather(job.shadows())).length).toBe(written * 400);
      expect(written).toBeGreaterThan(0);
    },
  );
});

describe("a file", () => {
  it("is for its owner alone, with everything beside it", async () => {
    const store = await folder.open();
    await takeJob(store);
    const file = await folder.path();
    const names = await readdir(dirname(file));
    const modes = await Promise.all(
      names.map(async (name) => (await stat(`${dirname(file)}/${name}`)).mode & 0o777),
    );
    expect(names.length).toBeGreaterThanOrEqual(2);
    expect([...new Set(modes)]).toEqual([0o600]);
  });

  it("that cannot be made is refused", async () => {
    const file = await folder.path();
    await writeFile(file, "");
    await expect(folder.open({ file: `${file}/state.db` })).rejects.toMatchObject({
      code: "state.unavailable",
      message: `${file}/state.db cannot be opened`,
    });
  });

  it("of another program is refused and left as it was", async () => {
    const file = await folder.path();
    const database = new Database(file);
    database.exec("CREATE TABLE theirs (a)");
    database.close();
    const before = await readFile(file);
    await expect(folder.open()).rejects.toMatchObject({
      code: "state.refused",
      message: `${file} is a database of another program`,
    });
    expect(await readFile(file)).toEqual(before);
  });
});

describe("a version", () => {
  const CHANGE = {
    version: 2,
    sql: "ALTER TABLE job ADD COLUMN note TEXT; UPDATE job SET note = 'migrated'",
  };

  const backups = async () =>
    (await readdir(dirname(await folder.path()))).filter((name) => name.endsWith(".backup"));

  it("that is new needs no backup", async () => {
    await madeFile();
    expect(await backups()).toEqual([]);
    await folder.open();
    expect(await backups()).toEqual([]);
  });

  it("that is newer than this program is refused", async () => {
    const file = await madeFile();
    await (await folder.open({ migrations: [...MIGRATIONS, CHANGE] })).close();
    await expect(folder.open()).rejects.toMatchObject({
      code: "state.refused",
      message: `${file} has version 2, and this program knows 1 at most`,
    });
  });

  it("that is older is backed up and migrated, and the backup can be used again", async () => {
    const file = await madeFile();
    const store = await folder.open({ migrations: [...MIGRATIONS, CHANGE] });
    const job = await takeJob(store);
    expect((await job.state()).watermark).toBe("kept");
    const [name = ""] = await backups();
    expect(name).toMatch(/^state\.db\.version-1\.2026-08-01T00-00-00-000Z\.\d+\.backup$/);
    const old = await takeJob(await folder.open({ file: `${dirname(file)}/${name}` }));
    expect((await gather(old.shadows())).length).toBe(300);
  });

  it("whose migration fails stays as it was", async () => {
    await madeFile();
    const broken = { version: 2, sql: "CREATE TABLE halfway (a); INSERT INTO nowhere VALUES (1)" };
    await expect(folder.open({ migrations: [...MIGRATIONS, broken] })).rejects.toThrow("nowhere");
    const job = await takeJob(await folder.open());
    expect((await gather(job.shadows())).length).toBe(300);
    const database = new Database(await folder.path());
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE name = 'halfway'").all()).toEqual(
      [],
    );
    database.close();
  });
});

describe("a backup", () => {
  it("holds what was committed, while others write, and is a store of its own", async () => {
    const store = await folder.open();
    const job = await takeJob(store);
    await job.write({ shadows: [shadow("ada")], summaries: [summary("ada", 1)] });
    const other = await folder.open();
    const busy = await other.openJob("other", { owner: "x", leaseMs: 60_000 });
    const copy = await folder.path("copy.db");
    await Promise.all([
      store.backup(copy),
      busy.write({ shadows: [shadow("bob")] }),
      job.write({ state: { watermark: "later" } }),
    ]);
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    const restored = await folder.open({ file: copy });
    folder.clock.advance(60_001);
    expect(await gather((await takeJob(restored)).shadows())).toEqual([shadow("ada")]);
    expect(await gather(restored.summaries({}))).toEqual([summary("ada", 1)]);
    const { stdout } = await promisify(execFile)("ls", ["-1", dirname(copy)]);
    expect(stdout).not.toContain("partial");
  });

  it("replaces nothing, and leaves nothing behind when it cannot be written", async () => {
    const store = await folder.open();
    const there = await folder.path("there.db");
    await writeFile(there, "mine");
    await expect(store.backup(there)).rejects.toMatchObject({ code: "input.invalid" });
    expect(await readFile(there, "utf8")).toBe("mine");
    await expect(store.backup(await folder.path("no/such/folder.db"))).rejects.toMatchObject({
      code: "state.unavailable",
    });
  });
});
