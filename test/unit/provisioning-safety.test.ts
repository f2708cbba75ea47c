import { describe, expect, it } from "vitest";
import { evaluateDeleteGuard } from "../../agent/core/provisioning/delete-guard.ts";
import { nextEscrowRetry } from "../../agent/core/provisioning/escrow.ts";
import {
  type CycleEnd,
  evaluateCycle,
  evaluateFailures,
  nextQuarantine,
  type Quarantine,
} from "../../agent/core/provisioning/quarantine.ts";
import {
  parseResetScopes,
  planRestart,
  type ResetScope,
} from "../../agent/core/provisioning/reset-scope.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 7, 1);

describe("the delete guard", () => {
  const POLICY = { limit: 500, percent: 30 };
  const users = (removals: number, linked: number) =>
    evaluateDeleteGuard([{ resourceType: "User", removals, linked }], POLICY).map(
      ({ because }) => because,
    );

  it.each([
    ["lets nothing pass as nothing", 0, 0, []],
    ["lets 499 of many pass", 499, 10_000, []],
    ["holds at 500", 500, 10_000, ["limit reached"]],
    ["lets exactly the percentage pass", 30, 100, []],
    ["holds one more than the percentage", 31, 100, ["percentage exceeded"]],
    ["knows no percentage of 19", 19, 19, []],
    ["knows a percentage of 20", 20, 20, ["percentage exceeded"]],
  ] as const)("%s", (_, removals, linked, expected) => {
    expect(users(removals, linked)).toEqual(expected);
  });

  it("judges each type and each group on its own", () => {
    const people = { resourceType: "User", removals: 600, linked: 10_000 } as const;
    const everybody = { resourceType: "Group", group: "g1", removals: 40, linked: 40 } as const;
    const counts = [
      people,
      { resourceType: "Group", removals: 1, linked: 100 },
      everybody,
      { resourceType: "Group", group: "g2", removals: 1, linked: 40 },
    ] as const;
    expect(evaluateDeleteGuard(counts, POLICY)).toEqual([
      {
        ...people,
        because: "limit reached",
        detail: "600 of 10000 resources of type User would be removed, the limit is 500",
      },
      {
        ...everybody,
        because: "percentage exceeded",
        detail: "40 of 40 members of g1 would be removed, more than 30 %",
      },
    ]);
  });

  it("holds a single removal with a limit of 1, and no percentage of all with 100 %", () => {
    const one = [{ resourceType: "User", removals: 1, linked: 1 }] as const;
    expect(evaluateDeleteGuard(one, { limit: 1, percent: 100 })).toHaveLength(1);
    const all = [{ resourceType: "User", removals: 90, linked: 90 }] as const;
    expect(evaluateDeleteGuard(all, { limit: 500, percent: 100 })).toEqual([]);
  });
});

describe("an entry that failed", () => {
  const retry = (attempts: number, age: number) =>
    nextEscrowRetry({ attempts, firstFailedAt: NOW - age }, NOW);
  const at = (sinceFirst: number, age: number) => ({ kind: "retry", at: NOW - age + sinceFirst });

  it("is tried again in the next cycle", () => {
    expect(retry(1, 0)).toEqual({ kind: "retry", at: NOW });
  });

  it.each([
    ["6 hours after the first failure", 2, 2 * MINUTE, 6 * HOUR],
    ["12 hours after it", 3, 6 * HOUR, 12 * HOUR],
    ["24 hours after it", 4, 12 * HOUR, 24 * HOUR],
    ["then after two days", 5, 24 * HOUR, 48 * HOUR],
    ["and every day", 20, 26 * DAY + HOUR, 27 * DAY],
    ["for the last time after 28 days", 30, 27 * DAY + HOUR, 28 * DAY],
    ["without making up for tries that were missed", 2, 5 * DAY + HOUR, 6 * DAY],
  ])("is tried again %s", (_, attempts, age, sinceFirst) => {
    expect(retry(attempts, age)).toEqual(at(sinceFirst, age));
  });

  it("is dropped after 28 days", () => {
    expect([retry(31, 28 * DAY), retry(1, 40 * DAY)]).toEqual([
      { kind: "dropped" },
      { kind: "dropped" },
    ]);
  });
});

describe("quarantine", () => {
  it.each<[string, [number, number, number], string | undefined]>([
    ["does not come before 5,000 failures", [5_000, 4_999, 0], undefined],
    [
      "comes with more than 40 % of the events",
      [12_499, 5_000, 0],
      "EncounteredEscrowProportionThreshold",
    ],
    ["does not come with 40 % of the events", [12_500, 5_000, 0], undefined],
    ["does not come with 40,000 of very many", [1_000_000, 40_000, 0], undefined],
    ["comes with more than 40,000", [1_000_000, 40_001, 0], "EncounteredBaseEscrowThreshold"],
    ["does not count references", [60_000, 0, 60_000], undefined],
    ["counts references above 60,000", [1_000_000, 1, 60_000], "EncounteredTotalEscrowThreshold"],
  ])("%s", (_, [events, failures, referenceFailures], reason) => {
    expect(evaluateFailures({ events, failures, referenceFailures })).toBe(reason);
  });

  const denied: CycleEnd = {
    kind: "quarantine",
    reason: "EncounteredQuarantineException",
    error: { code: "target.denied", message: "the token was refused" },
  };
  const tooMany: CycleEnd = { kind: "quarantine", reason: "TooManyDeletes" };

  /** Cycles that end so, each as early as it may run. */
  function series(ends: readonly CycleEnd[]): readonly (Quarantine | undefined)[] {
    const states: (Quarantine | undefined)[] = [];
    let now = NOW;
    for (const end of ends) {
      const state = nextQuarantine(states.at(-1), end, now);
      states.push(state);
      now = Math.max(now + MINUTE, state?.nextAttempt ?? 0);
    }
    return states;
  }

  it("begins with the reason and the error", () => {
    expect(nextQuarantine(undefined, denied, NOW)).toEqual({
      reason: "EncounteredQuarantineException",
      error: { code: "target.denied", message: "the token was refused" },
      currentBegan: NOW,
      seriesBegan: NOW,
      seriesCount: 1,
      nextAttempt: NOW + 5 * MINUTE,
    });
  });

  it("waits twice as long each time, and a day at most", () => {
    const states = series(Array.from({ length: 12 }, () => denied));
    const waits = states.map((state, index) => {
      const began = index === 0 ? NOW : (states[index - 1]?.nextAttempt ?? 0);
      return ((state?.nextAttempt ?? 0) - began) / MINUTE;
    });
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440, 1440]);
  });

  it("is lifted by one success", () => {
    expect(
      series([denied, denied, { kind: "success" }, denied]).map((s) => s?.seriesCount),
    ).toEqual([1, 2, undefined, 1]);
  });

  it("keeps its series when the reason changes, and says since when for this reason", () => {
    const [first, second, third] = series([denied, tooMany, tooMany]);
    expect([second?.seriesBegan, second?.currentBegan, third?.currentBegan]).toEqual([
      NOW,
      first?.nextAttempt,
      first?.nextAttempt,
    ]);
    expect(second?.error).toBeUndefined();
  });

  it("for too many deletes does not slow what is added and updated", () => {
    expect(nextQuarantine(undefined, tooMany, NOW)?.nextAttempt).toBe(NOW);
  });

  it("lets a cycle run, wait, or never again", () => {
    const state = nextQuarantine(undefined, denied, NOW);
    const reason = "EncounteredQuarantineException";
    expect(evaluateCycle(undefined, NOW)).toEqual({ kind: "run" });
    expect(evaluateCycle(state, NOW + MINUTE)).toEqual({
      kind: "wait",
      until: NOW + 5 * MINUTE,
      reason,
    });
    expect(evaluateCycle(state, NOW + 5 * MINUTE)).toEqual({ kind: "run" });
    expect(evaluateCycle(state, NOW + 28 * DAY - 1)).toEqual({ kind: "run" });
    expect(evaluateCycle(state, NOW + 28 * DAY)).toEqual({ kind: "disable", since: NOW, reason });
  });
});

describe("a restart", () => {
  const cleared = (...scopes: ResetScope[]) =>
    Object.entries(planRestart(scopes))
      .filter(([, is]) => is)
      .map(([name]) => name);

  it.each<[readonly ResetScope[], readonly string[]]>([
    [[], ["escrows", "watermark", "quarantine"]],
    [["None"], []],
    [["Escrows"], ["escrows"]],
    [["Watermark"], ["watermark"]],
    [["QuarantineState"], ["quarantine"]],
    [["ConnectorDataStore"], ["watermark", "shadows"]],
    [["Full"], ["escrows", "watermark", "quarantine", "shadows"]],
    [["ForceDeletes"], ["quarantine", "forceDeletes"]],
    [
      ["Escrows", "None", "Watermark"],
      ["escrows", "watermark"],
    ],
  ])("with %j clears %j", (scopes, expected) => {
    expect(cleared(...scopes)).toEqual(expected);
  });

  it("reads its scopes as Graph writes them", () => {
    expect(parseResetScopes("QuarantineState, watermark,ESCROWS")).toEqual([
      "QuarantineState",
      "Watermark",
      "Escrows",
    ]);
    expect(parseResetScopes("")).toEqual([]);
    expect(parseResetScopes("Watermark, everything")).toBeUndefined();
  });
});
