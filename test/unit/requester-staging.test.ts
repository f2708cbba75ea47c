import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryPartStaging, type PartStage, type PartStaging } from "../../agent/bus/part-stage.ts";
import { SpillingPartStaging } from "../../agent/bus/spilling-part-stage.ts";
import { MemoryLog } from "../support/memory-log.ts";

const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const OF = { requestId: "r", correlationId: "c" };

let folder: string;
let staging: SpillingPartStaging;
const log = new MemoryLog();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "staging-test-"));
  staging = new SpillingPartStaging({
    folder,
    memoryBytes: 3_000,
    memoryBytesPerRequest: 2_000,
    diskBytes: 10_000,
    log,
  });
});

afterEach(async () => {
  await staging.close();
  await rm(folder, { recursive: true, force: true });
});

const body = (n: number, bytes = 1_000) => Buffer.alloc(bytes, n);

async function stageAll(stage: PartStage, count: number, answer = "a"): Promise<void> {
  for (let part = 0; part < count; part++) {
    await stage.stage({ answer, part }, { body: body(part), gzip: part % 2 === 0 });
  }
}

async function files(): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true });
  return all.filter((name) => name.endsWith(".part"));
}

describe.each([
  ["memory", () => new MemoryPartStaging({ maxBytes: 5_000 }) as PartStaging],
  [
    "files",
    () => new SpillingPartStaging({ folder, memoryBytes: 0, diskBytes: 5_000, log }) as PartStaging,
  ],
])("a staging in %s", (_, create) => {
  it("gives back what it was given, until it is told to forget", async () => {
    const made = create();
    const stage = made.open(OF);
    await stageAll(stage, 2, "a");
    await stageAll(stage, 2, "b");
    expect(await stage.read({ answer: "a", part: 0 })).toEqual({ body: body(0), gzip: true });
    expect(await stage.read({ answer: "b", part: 1 })).toEqual({ body: body(1), gzip: false });
    expect(await stage.read({ answer: "b", part: 2 })).toBeUndefined();
    await stage.clear({ except: "b" });
    expect(await stage.read({ answer: "a", part: 0 })).toBeUndefined();
    await stageAll(stage, 2, "c");
    await stage.clear({ only: "c" });
    expect(await stage.read({ answer: "c", part: 0 })).toBeUndefined();
    expect(await stage.read({ answer: "b", part: 0 })).toEqual({ body: body(0), gzip: true });
    await stage.clear();
    expect(await stage.read({ answer: "b", part: 0 })).toBeUndefined();
    await made.close();
  });

  it("has one limit for all requests together, and room again when one is forgotten", async () => {
    const made = create();
    const [one, other] = [made.open(OF), made.open(OF)];
    await stageAll(one, 3);
    await expect(stageAll(other, 3)).rejects.toMatchObject({ code: "reply.refused" });
    await one.clear();
    await stageAll(other, 5);
    await made.close();
  });

  it("counts a part that comes again once", async () => {
    const made = create();
    const stage = made.open(OF);
    for (let time = 0; time < 20; time++) await stageAll(stage, 2);
    expect(await stage.read({ answer: "a", part: 1 })).toEqual({ body: body(1), gzip: false });
    await made.close();
  });
});

describe("SpillingPartStaging", () => {
  it("writes nothing for short answers, although a long one is on disk", async () => {
    const [short, long] = [staging.open(), staging.open()];
    await stageAll(short, 1);
    expect(await readdir(folder)).toEqual([]);
    await stageAll(long, 6);
    expect(await files()).toHaveLength(4);
    expect(staging.usedBytes).toEqual({ memory: 3_000, disk: 4_000 });
    for (let part = 0; part < 6; part++) {
      const read = await long.read({ answer: "a", part });
      expect(read).toEqual({ body: body(part), gzip: part % 2 === 0 });
    }
    await Promise.all([short.clear(), long.clear()]);
    expect(await files()).toEqual([]);
    expect(staging.usedBytes).toEqual({ memory: 0, disk: 0 });
  });

  it("keeps its folder and files from everybody else, and removes them when it is closed", async () => {
    await stageAll(staging.open(), 4);
    const [name = ""] = await readdir(folder);
    const [file = ""] = await files();
    const modes = await Promise.all([stat(join(folder, name)), stat(join(folder, file))]);
    expect(modes.map(({ mode }) => mode & 0o777)).toEqual([0o700, 0o600]);
    expect(file).toMatch(/^hybrid-agent-parts-[0-9a-f]{8}-\d+-[0-9a-f]{8}-\w+\/\d+\.part$/);
    await staging.close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("removes what killed processes of this host left, and nothing else", async () => {
    const dead = 2 ** 22 + 1;
    const leftovers = [
      `hybrid-agent-parts-${HOST}-${dead}-aaaaaaaa-abcdef`,
      `hybrid-agent-parts-${HOST}-${process.pid}-aaaaaaaa-abcdef`,
    ];
    const others = [
      `hybrid-agent-parts-${HOST}-${process.ppid}-aaaaaaaa-abcdef`,
      `hybrid-agent-parts-00000000-${dead}-aaaaaaaa-abcdef`,
      `hybrid-agent-parts-${HOST}-x-aaaaaaaa-abcdef`,
      "somebody-elses",
    ];
    for (const name of [...leftovers, ...others]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "0.part"), "x");
    }
    await stageAll(staging.open(), 4);
    const second = new SpillingPartStaging({ folder, memoryBytes: 0, log });
    await stageAll(second.open(), 1);
    const left = await readdir(folder);
    expect(left).toEqual(expect.arrayContaining(others));
    expect(left.filter((name) => leftovers.includes(name))).toEqual([]);
    expect(left).toHaveLength(others.length + 2);
    await second.close();
  });

  it("refuses an answer that it has no place for, and says where", async () => {
    const gone = join(folder, "gone");
    const nowhere = new SpillingPartStaging({ folder: gone, memoryBytes: 0, log });
    await expect(stageAll(nowhere.open(), 1)).rejects.toMatchObject({
      code: "reply.refused",
      message: `the answer cannot be kept in ${gone}`,
    });
    await mkdir(gone);
    await stageAll(nowhere.open(), 1);
    await nowhere.close();
  });
});
