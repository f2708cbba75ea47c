import { afterEach, describe, expect, it } from "vitest";
import { type CycleExecution, NEW_JOB } from "../../agent/core/provisioning/job-state.ts";
import { planRestart } from "../../agent/core/provisioning/reset-scope.ts";
import type { Shadow } from "../../agent/core/provisioning/shadow.ts";
import type { JobStore, Store } from "../../agent/ports.ts";
import {
  BEGAN,
  escrow,
  gather,
  item,
  JOB,
  StoreFolder,
  shadow,
  stagedDelete,
  takeJob,
} from "../support/store.ts";

const folder = new StoreFolder();

afterEach(() => folder.clear());

/** More than one batch. */
const MANY = 1_203;

const names = (count: number) =>
  Array.from({ length: count }, (_, index) => `p${String(index).padStart(5, "0")}`);

/** Another process as far as the store can tell. */
async function reopened(): Promise<Store> {
  return folder.open();
}

function execution(cycleId: string): CycleExecution {
  return {
    cycleId,
    kind: "incremental",
    timeBegan: BEGAN,
    timeEnded: BEGAN + 5,
    state: "Succeeded",
    counts: { imported: 5, entitled: 4, exported: 3, escrowed: 0, skipped: 1 },
    error: undefined,
  };
}

async function begin(): Promise<{ readonly store: Store; readonly job: JobStore }> {
  const store = await folder.open();
  return { store, job: await takeJob(store) };
}

describe("a job", () => {
  it("that has never run has no watermark and nothing else", async () => {
    const { store, job } = await begin();
    expect(await job.state()).toEqual(NEW_JOB);
    expect(await store.jobs()).toEqual([
      {
        jobId: JOB,
        state: NEW_JOB,
        executions: [],
        shadows: { User: 0, Group: 0 },
        escrows: 0,
        stagedDeletes: { pending: 0, approved: 0, rejected: 0 },
        lease: { owner: "this process", expiresAt: BEGAN + 60_000 },
      },
    ]);
  });

  it("keeps its state when only a part of it is written, and in another process", async () => {
    const { job } = await begin();
    const pin = { directory: "company", configuration: "c1-1" };
    await job.write({ state: { watermark: "token", pin, status: "Active" } });
    const quarantine = {
      reason: "TooManyDeletes",
      error: { code: "target.denied", message: "no" },
      currentBegan: BEGAN,
      seriesBegan: BEGAN,
      seriesCount: 2,
      nextAttempt: BEGAN,
    } as const;
    await job.write({ state: { status: "Quarantine", quarantine, forceDeletes: true } });
    const expected = { ...NEW_JOB, watermark: "token", pin, status: "Quarantine", quarantine };
    const [seen] = await (await reopened()).jobs();
    expect(seen?.state).toEqual({ ...expected, forceDeletes: true });
    await job.write({ state: { watermark: undefined, quarantine: undefined } });
    expect(await job.state()).toEqual({
      ...expected,
      forceDeletes: true,
      watermark: undefined,
      quarantine: undefined,
    });
  });

  it("keeps its last hundred runs, newest first", async () => {
    const { store, job } = await begin();
    for (let run = 0; run < 103; run += 1) await job.write({ execution: execution(`c${run}`) });
    const [seen] = await store.jobs();
    const expected = Array.from({ length: 100 }, (_, index) => execution(`c${102 - index}`));
    expect(seen?.executions).toEqual(expected);
  });

  it("has nothing in common with another", async () => {
    const { store, job } = await begin();
    const other = await store.openJob("devices", { owner: "x", leaseMs: 1_000 });
    await job.write({ shadows: [shadow("ada")], escrows: [escrow("bob")] });
    expect(await gather(other.shadows())).toEqual([]);
    expect(await gather(store.escrows("devices"))).toEqual([]);
    await other.write({ shadows: [shadow("ada", { name: "other" })] });
    await other.reset(planRestart(["Full"]));
    expect(await gather(job.shadows())).toEqual([shadow("ada")]);
    expect((await store.jobs()).map(({ jobId }) => jobId)).toEqual(["devices", JOB]);
  });
});

describe("what is written together", () => {
  it("is written as a whole or not at all", async () => {
    const { store, job } = await begin();
    await job.write({ shadows: [shadow("ada")] });
    const spoiled = shadow("bob", { sourceId: "a\0b" });
    const batch = {
      state: { watermark: "later" },
      shadows: [shadow("eve"), spoiled],
      removedShadows: ["anchor-ada"],
      escrows: [escrow("eve")],
    };
    await expect(job.write(batch)).rejects.toMatchObject({
      code: "input.invalid",
      message: "a text with a NUL character cannot be kept",
    });
    expect(await job.state()).toEqual(NEW_JOB);
    expect(await gather(job.shadows())).toEqual([shadow("ada")]);
    expect(await gather(store.escrows(JOB))).toEqual([]);
  });
});

describe("shadows", () => {
  it("are found by anchor, by source id and by target id, unknown ones left out", async () => {
    const { job } = await begin();
    await job.write({ shadows: [shadow("ada"), shadow("bob"), shadow("eve")] });
    const byName = (key: "anchor" | "sourceId" | "targetId") =>
      new Map(["ada", "bob"].map((name) => [shadow(name)[key], shadow(name)]));
    expect(await job.shadowsByAnchor(["anchor-bob", "anchor-ada", "x"])).toEqual(byName("anchor"));
    expect(await job.shadowsBySourceId(["id-ada", "id-bob", "x"])).toEqual(byName("sourceId"));
    expect(await job.shadowsByTargetId(["target-ada", "target-bob"])).toEqual(byName("targetId"));
    expect(await job.shadowsByAnchor([])).toEqual(new Map());
  });

  it("are replaced by anchor", async () => {
    const { job } = await begin();
    await job.write({ shadows: [shadow("ada")] });
    const changed: Shadow = {
      anchor: "anchor-ada",
      sourceId: "id-new",
      targetId: "target-new",
      resourceType: "Group",
      name: "new",
      fingerprint: "c1-2",
      exported: {},
      active: false,
      inScope: false,
    };
    await job.write({ shadows: [changed] });
    expect(await gather(job.shadows())).toEqual([changed]);
  });

  it("follow an entry whose anchor has changed", async () => {
    const { job } = await begin();
    await job.write({ shadows: [shadow("ada")] });
    await job.write({ shadows: [shadow("ada", { anchor: "anchor-new" })] });
    expect(await gather(job.shadows())).toEqual([shadow("ada", { anchor: "anchor-new" })]);
  });

  it("are listed in order of anchor, by type and scope, however many there are", async () => {
    const { job } = await begin();
    const all = names(MANY).map((name, index) =>
      shadow(name, { resourceType: index % 3 === 0 ? "Group" : "User", inScope: index % 2 === 0 }),
    );
    await job.write({ shadows: [...all].reverse() });
    expect(await gather(job.shadows())).toEqual(all);
    expect(await gather(job.shadows({ resourceType: "Group", inScope: false }))).toEqual(
      all.filter(({ resourceType, inScope }) => resourceType === "Group" && !inScope),
    );
    const linked = (type: string) =>
      all.filter(({ resourceType, inScope }) => resourceType === type && inScope).length;
    expect(await job.linkedCounts()).toEqual({ User: linked("User"), Group: linked("Group") });
  });

  it("may be written while they are listed", async () => {
    const { job } = await begin();
    await job.write({ shadows: names(MANY).map((name) => shadow(name)) });
    const seen: string[] = [];
    for await (const batch of job.shadows()) {
      seen.push(...batch.map(({ name }) => name));
      await job.write({ shadows: batch.map((one) => ({ ...one, active: false })) });
    }
    expect(seen).toEqual(names(MANY));
    expect((await gather(job.shadows())).filter(({ active }) => active)).toEqual([]);
  });
});

describe("references that wait", () => {
  const reference = (attribute: string, name: string) => ({ attribute, reference: `id-${name}` });
  const waiting = (name: string, attribute: string, other: string) => ({
    anchor: `anchor-${name}`,
    ...reference(attribute, other),
  });

  it("are found by who waits and by what is waited for", async () => {
    const { job } = await begin();
    await job.write({
      waiting: [
        { anchor: "anchor-ada", references: [reference("manager", "eve")] },
        {
          anchor: "anchor-staff",
          references: [reference("members", "eve"), reference("members", "bob")],
        },
      ],
    });
    expect(await job.waitersOf(["id-eve", "id-nobody"])).toEqual([
      waiting("ada", "manager", "eve"),
      waiting("staff", "members", "eve"),
    ]);
    expect(await job.waitingOf(["anchor-staff"])).toEqual([
      waiting("staff", "members", "bob"),
      waiting("staff", "members", "eve"),
    ]);
  });

  it("are those that were written last, and none of an entry that is gone", async () => {
    const { job } = await begin();
    const first = [reference("manager", "eve"), reference("manager", "eve")];
    await job.write({
      shadows: [shadow("ada"), shadow("eve")],
      waiting: [
        { anchor: "anchor-ada", references: first },
        { anchor: "anchor-bob", references: first },
      ],
    });
    await job.write({
      waiting: [{ anchor: "anchor-ada", references: [reference("manager", "bob")] }],
      removedShadows: ["anchor-eve"],
    });
    expect(await job.waitingOf(["anchor-ada", "anchor-bob"])).toEqual([
      waiting("ada", "manager", "bob"),
      waiting("bob", "manager", "eve"),
    ]);
    await job.write({
      removedShadows: ["anchor-ada"],
      waiting: [{ anchor: "anchor-bob", references: [] }],
    });
    expect(await job.waitersOf(["id-bob", "id-eve"])).toEqual([]);
  });
});

describe("escrows", () => {
  it("are due when their time has come, the longest due first", async () => {
    const { store, job } = await begin();
    const at = (name: string, minutes: number) =>
      escrow(name, { nextAttemptAt: BEGAN + minutes * 60_000 });
    await job.write({ escrows: [at("ada", 3), at("bob", 1), at("eve", 2), at("kim", 9)] });
    const due = await job.dueEscrows(BEGAN + 3 * 60_000, 10);
    expect(due).toEqual([at("bob", 1), at("eve", 2), at("ada", 3)]);
    expect(await job.dueEscrows(BEGAN + 3 * 60_000, 1)).toEqual([at("bob", 1)]);
    expect((await gather(store.escrows(JOB))).map(({ sourceId }) => sourceId)).toEqual([
      "id-ada",
      "id-bob",
      "id-eve",
      "id-kim",
    ]);
  });

  it("are replaced, found and cleared by source id", async () => {
    const { job } = await begin();
    await job.write({ escrows: [escrow("ada"), escrow("bob")] });
    const again = escrow("ada", { attempts: 2, anchor: "anchor-ada", reference: true });
    await job.write({ escrows: [again], clearedEscrows: ["id-bob", "id-nobody"] });
    expect(await job.escrowsBySourceId(["id-ada", "id-bob"])).toEqual(new Map([["id-ada", again]]));
  });
});

describe("a staged import", () => {
  const START = { cycleId: "cycle-1", kind: "initial", beganAt: BEGAN } as const;
  const END = { listing: "full", nextWatermark: "next" } as const;

  it("keeps each part once and gives the items in order of the parts", async () => {
    const { job } = await begin();
    expect(await job.stagedImport()).toBeUndefined();
    await job.beginImport(START);
    const parts = [
      [item("ada"), item("staff", { resourceType: "Group", changeType: "update" })],
      [item("bob", { changeType: "present", data: undefined })],
      [item("eve", { changeType: "delete", reason: "deleted", data: undefined }), item("ada")],
    ];
    const isNew = [];
    for (const part of [2, 0, 2, 1, 0]) isNew.push(await job.stagePart(part, parts[part] ?? []));
    expect(isNew).toEqual([true, true, false, true, false]);
    const staged = await gather(job.stagedItems());
    expect(staged.map(({ ordinal: _, ...rest }) => rest)).toEqual(parts.flat());
    expect(
      (await gather(job.stagedItems({ resourceType: "Group" }))).map((one) => one.sourceId),
    ).toEqual(["id-staff"]);
    expect(await job.stagedImport()).toEqual({
      ...START,
      parts: 3,
      items: 5,
      processed: 0,
      end: undefined,
    });
  });

  it("goes on after a crash where its work was last written", async () => {
    const { store, job } = await begin();
    await job.beginImport(START);
    await job.stagePart(
      0,
      names(MANY).map((name) => item(name)),
    );
    await job.endImport(END);
    for await (const batch of job.stagedItems()) {
      await job.write({
        shadows: batch.map(({ data }) => shadow(String(data?.["userName"]))),
        processed: batch.map(({ ordinal }) => ordinal),
      });
      break;
    }
    await store.close();
    folder.clock.advance(60_001);
    const next = await takeJob(await reopened());
    const left = await gather(next.stagedItems());
    expect(await next.stagedImport()).toEqual({
      ...START,
      parts: 1,
      items: MANY,
      processed: MANY - left.length,
      end: END,
    });
    const known = await gather(next.shadows());
    expect([
      ...known.map(({ sourceId }) => sourceId),
      ...left.map(({ sourceId }) => sourceId),
    ]).toEqual(names(MANY).map((name) => `id-${name}`));
    expect(known.length).toBeGreaterThan(0);
  });

  it("names what is absent: in scope, and not listed in any way", async () => {
    const { job } = await begin();
    const gone = names(MANY).map((name) => shadow(name));
    await job.write({
      shadows: [
        ...gone,
        shadow("ada"),
        shadow("bob"),
        shadow("eve"),
        shadow("left", { inScope: false }),
      ],
    });
    await job.beginImport(START);
    await job.stagePart(0, [
      item("ada"),
      item("bob", { changeType: "present", data: undefined }),
      item("eve", { changeType: "delete", reason: "outOfScope", data: undefined }),
    ]);
    await job.endImport(END);
    expect(await gather(job.absentShadows())).toEqual(gone);
  });

  it.each([
    ["has not ended", undefined],
    ["lists changes alone", { listing: "changes", nextWatermark: undefined }],
  ] as const)("that %s proves no absence", async (_, end) => {
    const { job } = await begin();
    await job.write({ shadows: [shadow("ada")] });
    await job.beginImport(START);
    if (end !== undefined) await job.endImport(end);
    await expect(gather(job.absentShadows())).rejects.toMatchObject({ code: "internal" });
  });

  it("takes no part before it has begun and none after its end", async () => {
    const { job } = await begin();
    const refused = { code: "internal", message: "no import is open" };
    await expect(job.stagePart(0, [item("ada")])).rejects.toMatchObject(refused);
    await expect(job.endImport(END)).rejects.toMatchObject(refused);
    await expect(gather(job.absentShadows())).rejects.toMatchObject({ code: "internal" });
    await job.beginImport(START);
    await job.endImport(END);
    await expect(job.stagePart(0, [item("ada")])).rejects.toMatchObject(refused);
    await expect(job.endImport(END)).rejects.toMatchObject(refused);
    expect(await gather(job.stagedItems())).toEqual([]);
  });

  it("is forgotten when it is discarded or another one begins", async () => {
    const { job } = await begin();
    await job.beginImport(START);
    await job.stagePart(0, [item("ada")]);
    await job.discardImport();
    expect([await job.stagedImport(), await gather(job.stagedItems())]).toEqual([undefined, []]);
    await job.beginImport(START);
    await job.stagePart(0, [item("bob")]);
    await job.endImport(END);
    await job.beginImport({ ...START, cycleId: "cycle-2", kind: "incremental" });
    expect(await job.stagedImport()).toEqual({
      cycleId: "cycle-2",
      kind: "incremental",
      beganAt: BEGAN,
      parts: 0,
      items: 0,
      processed: 0,
      end: undefined,
    });
    expect(await gather(job.stagedItems())).toEqual([]);
  });
});

describe("staged deletes", () => {
  const member = (group: string, name: string) =>
    stagedDelete(group, {
      member: `id-${name}`,
      name,
      resourceType: "Group",
      action: "removeMember",
    });
  const listed = async (store: Store, status?: "pending" | "approved" | "rejected") =>
    (await gather(store.stagedDeletes(JOB, status === undefined ? {} : { status }))).map(
      ({ anchor, name, status: decided }) => [anchor, name, decided],
    );

  it("are listed by name and decided by name, anchor or target id", async () => {
    const { store, job } = await begin();
    const staged = ["kim", "ada", "bob", "eve"].map((name) => stagedDelete(name));
    await job.write({ stagedDeletes: staged });
    expect(await gather(store.stagedDeletes(JOB))).toEqual(
      ["ada", "bob", "eve", "kim"].map((name) => ({ ...stagedDelete(name), status: "pending" })),
    );
    const other = await reopened();
    const nothing = { unknown: [], ambiguous: [] };
    expect(
      await other.decideStagedDeletes(JOB, ["ada", "anchor-bob", "target-ada"], "approved"),
    ).toEqual({
      decided: 2,
      ...nothing,
    });
    expect(await other.decideStagedDeletes(JOB, ["target-eve"], "rejected")).toEqual({
      decided: 1,
      ...nothing,
    });
    expect(await listed(store)).toEqual([
      ["anchor-ada", "ada", "approved"],
      ["anchor-bob", "bob", "approved"],
      ["anchor-eve", "eve", "rejected"],
      ["anchor-kim", "kim", "pending"],
    ]);
    expect(await listed(store, "pending")).toEqual([["anchor-kim", "kim", "pending"]]);
    expect((await store.jobs())[0]?.stagedDeletes).toEqual({
      pending: 1,
      approved: 2,
      rejected: 1,
    });
    expect(await other.decideStagedDeletes(JOB, "all", "rejected")).toEqual({
      decided: 1,
      ...nothing,
    });
    expect(await listed(store, "approved")).toHaveLength(2);
  });

  it("are not decided at all when one name is unknown or means several", async () => {
    const { store, job } = await begin();
    const twin = stagedDelete("twin", { anchor: "anchor-other", targetId: "target-other" });
    await job.write({ stagedDeletes: [stagedDelete("ada"), stagedDelete("twin"), twin] });
    expect(await store.decideStagedDeletes(JOB, ["ada", "twin", "bbo"], "approved")).toEqual({
      decided: 0,
      unknown: ["bbo"],
      ambiguous: ["twin"],
    });
    expect(await listed(store, "pending")).toHaveLength(3);
    expect(await store.decideStagedDeletes(JOB, ["anchor-other"], "approved")).toMatchObject({
      decided: 1,
    });
    expect(await store.decideStagedDeletes("no job", ["ada"], "approved")).toMatchObject({
      unknown: ["ada"],
    });
    expect(await store.decideStagedDeletes("no job", "all", "approved")).toMatchObject({
      decided: 0,
    });
  });

  it("of members are decided for the whole group or for one member everywhere", async () => {
    const { store, job } = await begin();
    await job.write({
      stagedDeletes: [member("staff", "ada"), member("staff", "bob"), member("board", "ada")],
    });
    expect(await store.decideStagedDeletes(JOB, ["ada"], "rejected")).toMatchObject({ decided: 2 });
    expect(await store.decideStagedDeletes(JOB, ["anchor-staff"], "approved")).toMatchObject({
      decided: 2,
    });
    expect(await listed(store)).toEqual([
      ["anchor-board", "ada", "rejected"],
      ["anchor-staff", "ada", "approved"],
      ["anchor-staff", "bob", "approved"],
    ]);
  });

  it("keep what was decided when they are staged again, and are cleared one by one", async () => {
    const { store, job } = await begin();
    await job.write({ stagedDeletes: [stagedDelete("ada"), member("ada", "bob")] });
    await store.decideStagedDeletes(JOB, ["target-ada"], "rejected");
    const again = stagedDelete("ada", { cycleId: "cycle-2", name: "Ada" });
    await job.write({ stagedDeletes: [again] });
    await job.write({ clearedStagedDeletes: [{ anchor: "anchor-ada", member: "id-bob" }] });
    expect(await gather(store.stagedDeletes(JOB))).toEqual([{ ...again, status: "rejected" }]);
    await job.write({ clearedStagedDeletes: [{ anchor: "anchor-ada", member: undefined }] });
    expect(await listed(store)).toEqual([]);
  });

  it("are listed however many there are", async () => {
    const { store, job } = await begin();
    await job.write({ stagedDeletes: names(MANY).map((name) => stagedDelete(name)) });
    expect((await listed(store)).map(([, name]) => name)).toEqual(names(MANY));
  });
});

describe("a restart", () => {
  const filled = async () => {
    const { store, job } = await begin();
    await job.beginImport({ cycleId: "c", kind: "initial", beganAt: BEGAN });
    await job.write({
      state: {
        watermark: "token",
        status: "Quarantine",
        pin: { directory: "d", configuration: "c" },
        quarantine: {
          reason: "TooManyDeletes",
          error: undefined,
          currentBegan: 1,
          seriesBegan: 1,
          seriesCount: 1,
          nextAttempt: 1,
        },
      },
      shadows: [shadow("ada")],
      escrows: [escrow("bob")],
      stagedDeletes: [stagedDelete("ada")],
      waiting: [
        { anchor: "anchor-ada", references: [{ attribute: "manager", reference: "id-eve" }] },
      ],
    });
    return { store, job };
  };

  it.each([
    [
      "None",
      [
        "import",
        "watermark",
        "quarantine",
        "pin",
        "shadows",
        "escrows",
        "waiting",
        "staged",
        "Quarantine",
      ],
    ],
    [
      "Escrows",
      ["import", "watermark", "quarantine", "pin", "shadows", "waiting", "staged", "Quarantine"],
    ],
    ["Watermark", ["quarantine", "shadows", "escrows", "waiting", "staged", "Quarantine"]],
    [
      "QuarantineState",
      ["import", "watermark", "pin", "shadows", "escrows", "waiting", "staged", "Active"],
    ],
    ["ConnectorDataStore", ["quarantine", "escrows", "Quarantine"]],
    ["Full", ["Active"]],
    [
      "ForceDeletes",
      ["import", "watermark", "pin", "shadows", "escrows", "waiting", "staged", "Active", "forced"],
    ],
  ] as const)("with %s leaves %j", async (scope, expected) => {
    const { store, job } = await filled();
    await job.reset(planRestart([scope]));
    const state = await job.state();
    const left: Readonly<Record<string, boolean>> = {
      import: (await job.stagedImport()) !== undefined,
      watermark: state.watermark !== undefined,
      quarantine: state.quarantine !== undefined,
      pin: state.pin !== undefined,
      shadows: (await gather(job.shadows())).length > 0,
      escrows: (await gather(store.escrows(JOB))).length > 0,
      waiting: (await job.waitersOf(["id-eve"])).length > 0,
      staged: (await gather(store.stagedDeletes(JOB))).length > 0,
      [state.status]: true,
      forced: state.forceDeletes,
    };
    expect(Object.keys(left).filter((name) => left[name])).toEqual(expected);
  });
});
