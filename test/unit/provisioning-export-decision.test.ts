import { describe, expect, it } from "vitest";
import {
  decideExport,
  decidePresent,
  type ExportDecision,
  type ExportRules,
  type SourceChange,
  type TargetState,
} from "../../agent/core/provisioning/export-decision.ts";

const ALL: ExportRules = {
  create: true,
  update: true,
  delete: true,
  skipOutOfScopeDeletions: false,
  disableable: true,
};

const deleted: SourceChange = { kind: "deleted" };
const left: SourceChange = { kind: "outOfScope", detail: "moved" };
const upsert = (active: boolean | undefined, inScope = true): SourceChange => ({
  kind: "upsert",
  scoping: { inScope, detail: inScope ? "filter a" : "filter a failed" },
  active,
});

const unlinked: TargetState = { kind: "unlinked" };
const linked = (state: Partial<Extract<TargetState, { kind: "linked" }>> = {}): TargetState => ({
  kind: "linked",
  active: true,
  inScope: true,
  differs: true,
  ...state,
});
const matched = (kind: "none" | "one" | "noKey" | "ambiguous" | "taken"): TargetState => ({
  kind: "matched",
  match: { kind, resource: 1, candidates: [1, 2], by: "b", detail: `match ${kind}` },
});

const decide = (
  change: SourceChange,
  target: TargetState,
  rules: Partial<ExportRules> = {},
): ExportDecision => decideExport(change, { target, rules: { ...ALL, ...rules } });

const SKIPPED = {
  action: "none",
  status: "skipped",
  errorCode: "EntrySynchronizationSkipped",
} as const;

type Expected = Partial<ExportDecision> & Pick<ExportDecision, "action" | "detail" | "link">;
type Row = [string, SourceChange, TargetState, Partial<ExportRules>, Expected];

const rows = (table: readonly Row[]) => {
  it.each(table)("%s", (_, change, target, rules, expected) => {
    const skipped = expected.action === "none" ? SKIPPED : {};
    expect(decide(change, target, rules)).toEqual({ ...skipped, ...expected });
  });
};

describe("an entry that was deleted", () => {
  const off = "it was deleted, and deletes are switched off";
  rows([
    [
      "is deleted in the target when it is linked",
      deleted,
      linked(),
      {},
      { action: "delete", detail: "it was deleted at the source", link: "remove" },
    ],
    [
      "is ignored when it is a stranger",
      deleted,
      unlinked,
      {},
      { action: "none", detail: "it was deleted and is not linked", link: "none" },
    ],
    [
      "is left alone when it had left the scope before",
      deleted,
      linked({ inScope: false, active: false }),
      {},
      {
        action: "none",
        detail: "it was deleted after it had left the scope, and is no longer managed",
        link: "leave",
      },
    ],
    [
      "is disabled when deletes are switched off",
      deleted,
      linked(),
      { delete: false },
      { action: "disable", detail: `it left the scope: ${off}`, link: "leave" },
    ],
    [
      "is left alone when deletes are switched off and its type cannot be disabled",
      deleted,
      linked(),
      { delete: false, disableable: false },
      {
        action: "none",
        detail: `it left the scope: ${off}; its type cannot be disabled`,
        link: "leave",
      },
    ],
  ]);
});

describe("an entry that left the scope", () => {
  rows([
    [
      "of the agent is disabled",
      left,
      linked(),
      {},
      { action: "disable", detail: "it left the scope: moved", link: "leave" },
    ],
    [
      "of the job is disabled",
      upsert(true, false),
      linked(),
      {},
      { action: "disable", detail: "it left the scope: filter a failed", link: "leave" },
    ],
    [
      "is ignored when it was never linked",
      left,
      unlinked,
      {},
      { action: "none", detail: "not in scope: moved", link: "none" },
    ],
    [
      "is left alone the second time",
      left,
      linked({ inScope: false }),
      {},
      { action: "none", detail: "still not in scope: moved", link: "leave" },
    ],
    [
      "stays as it is with skipOutOfScopeDeletions",
      left,
      linked(),
      { skipOutOfScopeDeletions: true },
      {
        action: "none",
        detail: "it left the scope: moved; skipOutOfScopeDeletions leaves it as it is",
        link: "leave",
      },
    ],
    [
      "stays as it is when its type cannot be disabled",
      left,
      linked(),
      { disableable: false },
      {
        action: "none",
        detail: "it left the scope: moved; its type cannot be disabled",
        link: "leave",
      },
    ],
    [
      "needs no second disable",
      left,
      linked({ active: false }),
      {},
      { action: "none", detail: "it left the scope: moved; it is disabled already", link: "leave" },
    ],
    [
      "stays as it is when updates are switched off",
      left,
      linked(),
      { update: false },
      {
        action: "none",
        detail: "it left the scope: moved; updates are switched off",
        link: "leave",
      },
    ],
  ]);
});

describe("a linked entry in scope", () => {
  rows([
    [
      "is updated when it differs",
      upsert(true),
      linked(),
      {},
      { action: "update", detail: "it has changed", link: "manage" },
    ],
    [
      "is left alone when it does not",
      upsert(true),
      linked({ differs: false }),
      {},
      { action: "none", detail: "nothing has changed", link: "manage" },
    ],
    [
      "is left alone when updates are switched off",
      upsert(true),
      linked(),
      { update: false },
      {
        action: "none",
        detail: "it has changed, and updates are switched off",
        link: "manage",
      },
    ],
    [
      "is disabled when it was disabled at the source",
      upsert(false),
      linked(),
      {},
      { action: "disable", detail: "it was disabled at the source", link: "manage" },
    ],
    [
      "is updated when it was disabled before and still is",
      upsert(false),
      linked({ active: false }),
      {},
      { action: "update", detail: "it has changed", link: "manage" },
    ],
    [
      "is updated when its type has no active",
      upsert(undefined),
      linked(),
      { disableable: false },
      { action: "update", detail: "it has changed", link: "manage" },
    ],
    [
      "cannot be disabled when its type cannot",
      upsert(false),
      linked(),
      { disableable: false },
      { action: "update", detail: "it has changed", link: "manage" },
    ],
    [
      "is restored when it is enabled again",
      upsert(true),
      linked({ active: false }),
      {},
      { action: "update", detail: "it was enabled again", link: "manage" },
    ],
    [
      "is restored when it is in scope again",
      upsert(true),
      linked({ active: false, inScope: false }),
      {},
      { action: "update", detail: "it is in scope again", link: "manage" },
    ],
    [
      "is managed again when it comes back as it was left",
      upsert(true),
      linked({ inScope: false, differs: false }),
      {},
      { action: "none", detail: "nothing has changed", link: "manage" },
    ],
  ]);
});

describe("an entry in scope without a link", () => {
  rows([
    [
      "is created when nothing matches",
      upsert(true),
      matched("none"),
      {},
      { action: "create", detail: "match none", link: "manage" },
    ],
    [
      "is not created when creates are switched off",
      upsert(true),
      matched("none"),
      { create: false },
      { action: "none", detail: "match none; creates are switched off", link: "none" },
    ],
    [
      "is never created disabled",
      upsert(false),
      matched("none"),
      {},
      {
        action: "none",
        detail: "match none; disabled at the source, so not created",
        link: "none",
      },
    ],
    [
      "is linked and updated when one matches",
      upsert(true),
      matched("one"),
      {},
      { action: "update", detail: "match one", link: "manage" },
    ],
    [
      "is linked and disabled when one matches and it is disabled at the source",
      upsert(false),
      matched("one"),
      {},
      { action: "disable", detail: "match one; it is disabled at the source", link: "manage" },
    ],
    [
      "is linked and updated when its type cannot be disabled",
      upsert(false),
      matched("one"),
      { disableable: false },
      { action: "update", detail: "match one", link: "manage" },
    ],
    [
      "is linked alone when updates are switched off",
      upsert(true),
      matched("one"),
      { update: false },
      { action: "none", detail: "match one; linked, and updates are switched off", link: "manage" },
    ],
    [
      "is skipped when it has nothing to match by",
      upsert(true),
      matched("noKey"),
      {},
      { action: "none", errorCode: "ImportSkipped", detail: "match noKey", link: "none" },
    ],
    [
      "fails when several match",
      upsert(true),
      matched("ambiguous"),
      {},
      {
        action: "none",
        status: "failure",
        errorCode: "DuplicateTargetEntries",
        detail: "match ambiguous",
        link: "none",
      },
    ],
    [
      "fails when its match belongs to another entry",
      upsert(true),
      matched("taken"),
      {},
      {
        action: "none",
        status: "failure",
        errorCode: "DuplicateSourceEntries",
        detail: "match taken",
        link: "none",
      },
    ],
  ]);

  it("must have been matched, or it would be created twice", () => {
    expect(() => decide(upsert(true), unlinked)).toThrow(
      new TypeError("an entry in scope was not matched"),
    );
  });
});

describe("an id without data", () => {
  it.each([
    ["is asked for when it is not known", undefined, "ask"],
    ["is asked for when it is held as disabled", { active: false, inScope: true }, "ask"],
    ["is asked for when it is held as out of scope", { active: true, inScope: false }, "ask"],
    [
      "needs nothing when it is held as active and in scope",
      { active: true, inScope: true },
      "none",
    ],
  ] as const)("%s", (_, target, expected) => {
    expect(decidePresent(target)).toBe(expected);
  });
});
