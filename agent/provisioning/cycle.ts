import { randomUUID } from "node:crypto";
import { AgentError } from "../core/error.ts";
import type { HeldRemoval } from "../core/provisioning/delete-guard.ts";
import type { Job } from "../core/provisioning/job.ts";
import type { JobState } from "../core/provisioning/job-state.ts";
import { evaluateCycle } from "../core/provisioning/quarantine.ts";
import type { StagedItem } from "../core/provisioning/staged-import.ts";
import type { Clock, JobStore, Log, Requester, Target } from "../ports.ts";
import { ASKED_AT_ONCE, type Asked, askSource } from "./ask-source.ts";
import { type CycleReport, concludeCycle } from "./conclude-cycle.ts";
import { concurrently } from "./concurrently.ts";
import { type EntryCounts, joinBatches, noCounts, type PlannedRemoval } from "./entry-result.ts";
import { EntryExporter, type ExportParts } from "./export-entry.ts";
import { type ImportOutcome, importChanges } from "./import-changes.ts";
import { EntryRecord, type RecordContext } from "./record.ts";
import { passReferences } from "./reference-pass.ts";
import { applyRemovals, type DecidedDelete } from "./removals.ts";

/** Escrows that one cycle tries again. */
const MAX_RETRIED = 5000;
/** Entries that are worked on at a time beyond the target's own limit wait for nothing but it. */
const CONCURRENCY = 32;

export type CyclePhase = "import" | "asking" | "export" | "removals" | "references" | "done";

/** How far a cycle is. */
export interface CycleProgress {
  readonly phase: CyclePhase;
  readonly counts: Readonly<EntryCounts>;
}

export interface CycleParts {
  readonly job: Job;
  readonly store: JobStore;
  readonly requester: Requester;
  readonly target: Target;
  readonly clock: Clock;
  readonly log: Log;
  readonly onProgress?: (progress: CycleProgress) => void;
}

export interface CycleOptions {
  readonly initiatedBy: "system" | "user";
  /** Runs although the job waits in quarantine or is disabled: an operator said so. */
  readonly force?: boolean;
}

/**
 * Runs one cycle of a job: import, scoping, matching, processing and export of every entry, removals once they are counted,
 * references, and the watermark last. Whatever ends it early, the next one does the same work again to the same end.
 * What is wrong with the whole job is in the report, and in the job's state.
 * @throws AgentError `state.*`; the signal's reason
 */
export async function runCycle(
  parts: CycleParts,
  options: CycleOptions,
  signal: AbortSignal,
): Promise<CycleReport> {
  const { store, clock, log } = parts;
  const beganAt = clock.now();
  const state = await store.state();
  const verdict = evaluateCycle(state.quarantine, beganAt);
  if (verdict.kind !== "run" && options.force !== true) {
    if (verdict.kind === "disable" && state.status !== "Disabled") {
      await store.write({ state: { status: "Disabled" } });
      log.error("job.disabled", { because: verdict.reason });
    }
    return { kind: "waiting", verdict };
  }
  const cycle = new Cycle(parts, { ...options, state, beganAt });
  try {
    await cycle.run(signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!(error instanceof AgentError) || error.code.startsWith("state.")) throw error;
    return concludeCycle(parts, cycle.end(error));
  }
  return concludeCycle(parts, cycle.end(undefined));
}

interface Begin {
  readonly state: JobState;
  readonly beganAt: number;
  readonly initiatedBy: "system" | "user";
}

class Cycle {
  readonly #parts: CycleParts;
  readonly #begin: Begin;
  readonly #id = randomUUID();
  readonly #counts = noCounts();
  readonly #held: HeldRemoval[] = [];
  #kind: "initial" | "incremental";
  #import: ImportOutcome | undefined;
  /** Why nothing is removed, though the cycle goes on. */
  #withheld: AgentError | undefined;

  constructor(parts: CycleParts, begin: Begin) {
    this.#parts = parts;
    this.#begin = begin;
    const { watermark, configuration } = begin.state;
    const isSame = configuration === parts.job.configuration;
    this.#kind = watermark !== undefined && isSame ? "incremental" : "initial";
  }

  end(error: AgentError | undefined) {
    const { state, beganAt } = this.#begin;
    return {
      ...{ cycleId: this.#id, kind: this.#kind, state, beganAt, counts: this.#counts },
      ...{ held: this.#held, import: this.#import, withheld: this.#withheld, error },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { target, log, job } = this.#parts;
    const { state } = this.#begin;
    log.info("cycle.began", { cycle: this.#id, kind: this.#kind });
    this.#tell("import");
    if (this.#kind === "initial") await target.test(signal);
    const imported = await this.#importChanges(signal);
    const linked = await this.#parts.store.linkedCounts();
    this.#withheld = this.#whyWithhold(imported, linked.User + linked.Group);
    if (this.#withheld !== undefined) {
      log.warn("cycle.withheld", { cycle: this.#id, code: this.#withheld.code });
    }
    const mayRemove = this.#withheld === undefined;
    const staged = await this.#staged();
    this.#tell("asking");
    await this.#ask({ mayRemove, listing: imported.listing, staged: staged.objects }, signal);
    this.#tell("export");
    const parts = this.#exportParts();
    const { removals, relinked } = await this.#export(
      { mayRemove, staged: staged.objects },
      signal,
    );
    this.#tell("removals");
    if (mayRemove) {
      await this.#planApproved(removals, staged.objects);
      const options = { staged: staged.objects, linked, concurrency: CONCURRENCY };
      const { forceDeletes } = state;
      const held = await applyRemovals(removals, parts, { ...options, forceDeletes }, signal);
      this.#held.push(...held);
    }
    this.#tell("references");
    const { forceDeletes } = state;
    const options = { staged: staged.members, forceDeletes, mayRemove };
    const held = await passReferences(
      parts,
      { ...options, relinked, concurrency: CONCURRENCY },
      signal,
    );
    this.#held.push(...held);
    if (mayRemove && imported.listing === "full") await this.#parts.store.forgetUnlisted();
    this.#tell("done");
    log.info("cycle.ended", { cycle: this.#id, job: job.id, ...this.#counts });
  }

  async #importChanges(signal: AbortSignal): Promise<ImportOutcome> {
    const { clock, log } = this.#parts;
    const { state } = this.#begin;
    const watermark = this.#kind === "incremental" ? state.watermark : undefined;
    const now = clock.now();
    const common = { cycleId: this.#id, now };
    let result = await importChanges(this.#parts, { ...common, watermark }, signal);
    if (result.kind === "expired") {
      log.warn("import.expired", { cycle: this.#id, detail: result.detail });
      this.#kind = "initial";
      result = await importChanges(this.#parts, { ...common, watermark: undefined }, signal);
      if (result.kind === "expired") throw new AgentError("reply.refused", result.detail);
    }
    this.#import = result.import;
    return result.import;
  }

  #whyWithhold(imported: ImportOutcome, linked: number): AgentError | undefined {
    const { cut, configuration, listed, listing } = imported;
    if (cut !== undefined) return new AgentError(cut.code, cut.message);
    const { pin } = this.#begin.state;
    if (pin !== undefined && pin.configuration !== configuration) {
      return new AgentError(
        "reply.refused",
        `an agent answered with the configuration ${configuration}, and this job is pinned to ${pin.configuration}: nothing is removed`,
        {
          hint: `give all agents the same configuration; if the new one is meant, accept it with: hybrid-agent provisioning restart ${this.#parts.job.id} --scope Watermark`,
        },
      );
    }
    if (listing === "full" && listed === 0 && linked > 0) {
      return new AgentError(
        "directory.incomplete",
        `the import is empty, and ${linked} objects are linked: nothing is removed`,
        { hint: "look at the scope of the agent: hybrid-agent scope preview" },
      );
    }
    return undefined;
  }

  async #staged() {
    const objects = new Map<string, DecidedDelete>();
    const members = new Map<string, Map<string, DecidedDelete>>();
    for (const row of await this.#parts.store.stagedDeletes()) {
      const { anchor, member } = row;
      if (member === undefined) objects.set(anchor, row);
      else members.set(anchor, (members.get(anchor) ?? new Map()).set(member, row));
    }
    return { objects, members };
  }

  /** Asks for what the listing does not explain: the absent, the unfamiliar, what failed and what is held. */
  async #ask(
    {
      mayRemove,
      listing,
      staged,
    }: {
      readonly mayRemove: boolean;
      readonly listing: "full" | "changes";
      readonly staged: ReadonlyMap<string, DecidedDelete>;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { store, clock } = this.#parts;
    const wanted = new Map<string, Asked>();
    const want = ({ sourceId, resourceType }: Asked) => {
      wanted.set(sourceId, { sourceId, resourceType });
    };
    for await (const batch of store.unfamiliarItems()) batch.forEach(want);
    if (mayRemove && listing === "full") {
      for await (const batch of store.absentShadows()) batch.forEach(want);
    }
    for (const escrow of await store.dueEscrows(clock.now(), MAX_RETRIED)) want(escrow);
    const disables = [...staged.values()].filter(({ action }) => action === "disable");
    const shadows = await store.shadowsByAnchor(disables.map(({ anchor }) => anchor));
    for (const shadow of shadows.values()) want(shadow);
    await this.#askFor([...wanted.values()], mayRemove, signal);
    await this.#askFor(await this.#referrers(), mayRemove, signal);
  }

  /**
   * Whoever referred to what is gone: a directory takes the reference away and reports no change of the one that had it.
   */
  async #referrers(): Promise<readonly Asked[]> {
    const { store } = this.#parts;
    const gone: string[] = [];
    const told = new Set<string>();
    for await (const batch of store.stagedItems()) {
      for (const { changeType, sourceId, data } of batch) {
        if (changeType === "delete") gone.push(sourceId);
        else if (data !== undefined) told.add(sourceId);
      }
    }
    const shadows = [...(await store.shadowsBySourceId(gone)).values()];
    const left = shadows.filter(({ inScope }) => inScope).map(({ targetId }) => targetId);
    const referrers = left.length === 0 ? [] : await store.shadowsReferringTo(left);
    const waiters = (await store.waitersOf(gone)).map(({ anchor }) => anchor);
    const waiting = await store.shadowsByAnchor(waiters);
    return [...referrers, ...waiting.values()].filter(
      ({ sourceId }) => !told.has(sourceId) && !gone.includes(sourceId),
    );
  }

  async #askFor(all: readonly Asked[], mayRemove: boolean, signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    for (let at = 0; at < all.length; at += ASKED_AT_ONCE) {
      const asked = all.slice(at, at + ASKED_AT_ONCE);
      const { items, configuration } = await askSource(
        this.#parts,
        { asked, correlationId: this.#id },
        signal,
      );
      // Another configuration has another scope: that it does not know somebody means nothing.
      const agrees = configuration === this.#import?.configuration;
      await store.stageAnswers(
        items.filter(({ changeType }) => changeType !== "delete" || (mayRemove && agrees)),
      );
    }
  }

  async #export(
    {
      mayRemove,
      staged,
    }: { readonly mayRemove: boolean; readonly staged: ReadonlyMap<string, DecidedDelete> },
    signal: AbortSignal,
  ) {
    const { store } = this.#parts;
    const parts = this.#exportParts();
    const exporter = new EntryExporter(parts);
    const removals: PlannedRemoval[] = [];
    const relinked = new Map<string, string | undefined>();
    for (const resourceType of ["User", "Group"] as const) {
      for await (const batch of store.stagedItems({ resourceType })) {
        // What was asked for comes behind what was listed, and is the newer.
        const last = new Map(batch.filter(isTelling).map((item) => [item.sourceId, item]));
        const items = [...last.values()].filter(
          ({ changeType }) => mayRemove || changeType !== "delete",
        );
        const ids = items.map(({ sourceId }) => sourceId);
        const [shadows, escrows] = [
          await store.shadowsBySourceId(ids),
          await store.escrowsBySourceId(ids),
        ];
        const { results, error } = await concurrently(items, {
          limit: CONCURRENCY,
          work: (item) => {
            const shadow = shadows.get(item.sourceId);
            const known = {
              shadow,
              escrow: escrows.get(item.sourceId),
              staged: shadow !== undefined && staged.has(shadow.anchor),
            };
            return exporter.provision(item, known, signal);
          },
        });
        const told = results.filter((result) => result !== undefined);
        await store.write(joinBatches(told.map(({ batch: one }) => one)));
        exporter.written();
        for (const { removal, relinked: link } of told) {
          if (removal !== undefined) removals.push(removal);
          if (link !== undefined) relinked.set(link.sourceId, link.from);
        }
        if (error !== undefined) throw error;
        this.#tell("export");
      }
    }
    const unique = new Map(removals.map((removal) => [removal.shadow.anchor, removal]));
    return { removals: [...unique.values()], relinked };
  }

  /** A deletion that was said once and held is not said again. */
  async #planApproved(
    removals: PlannedRemoval[],
    staged: ReadonlyMap<string, DecidedDelete>,
  ): Promise<void> {
    const { store } = this.#parts;
    const planned = new Set(removals.map(({ shadow }) => shadow.anchor));
    const deletes = [...staged.values()].filter(
      ({ action, anchor }) => action === "delete" && !planned.has(anchor),
    );
    const shadows = await store.shadowsByAnchor(deletes.map(({ anchor }) => anchor));
    const gone: Pick<DecidedDelete, "anchor" | "member">[] = [];
    for (const { anchor, because } of deletes) {
      const shadow = shadows.get(anchor);
      if (shadow === undefined) {
        gone.push({ anchor, member: undefined });
        continue;
      }
      const decision = { action: "delete", detail: because, link: "remove" } as const;
      const record = new EntryRecord(this.#context(), shadow);
      removals.push({ shadow, decision, judged: false, record });
    }
    if (gone.length > 0) await store.write({ clearedStagedDeletes: gone });
  }

  #exportParts(): ExportParts {
    const { job, store, target, clock } = this.#parts;
    return { job, store, target, clock, context: this.#context(), counts: this.#counts };
  }

  #context(): RecordContext {
    const { job, clock } = this.#parts;
    const { initiatedBy } = this.#begin;
    return { job, clock, cycleId: this.#id, correlationId: this.#id, initiatedBy };
  }

  #tell(phase: CyclePhase): void {
    this.#parts.onProgress?.({ phase, counts: { ...this.#counts } });
  }
}

/** Whether an item says more than that the entry is there. */
function isTelling({ changeType, data }: StagedItem): boolean {
  return changeType !== "present" || data !== undefined;
}
