import { afterEach, describe, expect, it } from "vitest";
import type { ProvisioningObjectSummary } from "../../agent/core/provisioning/object-summary.ts";
import type { Store, SummaryFilter } from "../../agent/ports.ts";
import { BEGAN, gather, JOB, StoreFolder, summary, takeJob } from "../support/store.ts";

const folder = new StoreFolder();

afterEach(() => folder.clear());

const DAY = 86_400_000;

async function logged(rows: readonly ProvisioningObjectSummary[]): Promise<Store> {
  const store = await folder.open();
  const job = await takeJob(store);
  await job.write({ summaries: rows });
  return store;
}

describe("the provisioning log", () => {
  const rows = [
    summary("ada", 1),
    summary("bob", 2, {
      provisioningAction: "update",
      cycleId: "cycle-2",
      modifiedProperties: [{ displayName: "title", oldValue: "50% _off_", newValue: null }],
    }),
    summary("eve", 3, {
      provisioningAction: "delete",
      provisioningStatusInfo: {
        status: "failure",
        errorInformation: {
          errorCode: "Conflict",
          reason: 'it has "quotes" and a ~ and ümläuts',
          additionalDetails: null,
          errorCategory: "failure",
          recommendedAction: null,
        },
      },
    }),
    summary("kim", 3, { jobId: "devices", targetIdentity: null, provisioningAction: "other" }),
  ];

  it("gives back what was written, the newest first", async () => {
    const store = await logged(rows);
    expect(await gather(store.summaries({}))).toEqual([...rows].reverse());
    expect(await gather(store.summaries({ order: "oldest" }))).toEqual(rows);
  });

  it.each<[SummaryFilter, readonly string[]]>([
    [{ jobId: JOB }, ["ada", "bob", "eve"]],
    [{ cycleId: "cycle-2" }, ["bob"]],
    [{ changeId: "change-eve" }, ["eve"]],
    [{ actions: ["update", "delete"] }, ["bob", "eve"]],
    [{ actions: [] }, []],
    [{ statuses: ["failure"] }, ["eve"]],
    [{ from: BEGAN + 2_000 }, ["bob", "eve", "kim"]],
    [{ to: BEGAN + 2_000 }, ["ada"]],
    [{ from: BEGAN + 2_000, to: BEGAN + 2_001 }, ["bob"]],
    [{ sourceId: "id-ada" }, ["ada"]],
    [{ targetId: "target-bob" }, ["bob"]],
    [{ targetId: "target-kim" }, []],
    [{ text: "conFLICT" }, ["eve"]],
    [{ text: '"quotes"' }, ["eve"]],
    [{ text: "a ~ and ümläuts" }, ["eve"]],
    [{ text: "50% _off_" }, ["bob"]],
    [{ text: "50% xoff" }, []],
    [{ text: "5%f" }, []],
    [{ text: "target-ada" }, ["ada"]],
    [{ jobId: JOB, statuses: ["success"], text: "userName", actions: ["create"] }, ["ada"]],
    [{ limit: 2 }, ["ada", "bob"]],
    [{ limit: 0 }, []],
  ])("finds with %j", async (filter, expected) => {
    const store = await logged(rows);
    const found = await gather(store.summaries({ order: "oldest", ...filter }));
    expect(found.map(({ sourceIdentity }) => sourceIdentity.displayName)).toEqual(expected);
  });

  it("is read as a stream, whatever is written meanwhile", async () => {
    const many = Array.from({ length: 1_203 }, (_, index) => summary(`p${index}`, index % 7));
    const store = await logged(many);
    const writer = await store.openJob("other", { owner: "x", leaseMs: 1_000 });
    const ordered = [...many]
      .map((row, index) => ({ row, index }))
      .sort((a, b) => (b.index % 7) - (a.index % 7) || b.index - a.index)
      .map(({ row }) => row);
    const seen: ProvisioningObjectSummary[] = [];
    let batches = 0;
    for await (const batch of store.summaries({})) {
      batches += 1;
      seen.push(...batch);
      await writer.write({ summaries: [summary("late", 9_999)] });
    }
    expect(batches).toBeGreaterThan(2);
    expect(seen).toEqual(ordered);
    expect(await gather(store.summaries({ jobId: JOB, limit: 700 }))).toHaveLength(700);
  });

  it("refuses to look for a whole book", async () => {
    const store = await logged([]);
    await expect(gather(store.summaries({ text: "x".repeat(1_001) }))).rejects.toMatchObject({
      code: "input.invalid",
    });
  });

  it("refuses a row without a time", async () => {
    const wrong = summary("ada", 0, { activityDateTime: "yesterday" });
    await expect(logged([wrong])).rejects.toMatchObject({ code: "internal" });
  });

  it("forgets what is older than 30 days", async () => {
    const many = Array.from({ length: 1_100 }, (_, index) => summary(`p${index}`, 0));
    const store = await logged([...many, summary("late", 1)]);
    folder.clock.advance(30 * DAY);
    expect(await store.pruneSummaries()).toBe(0);
    folder.clock.advance(1);
    expect(await store.pruneSummaries()).toBe(1_100);
    expect(await gather(store.summaries({}))).toEqual([summary("late", 1)]);
  });
});
