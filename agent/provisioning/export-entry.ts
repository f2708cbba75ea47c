import { fingerprintOf } from "../core/fingerprint.ts";
import {
  decideExport,
  type ExportDecision,
  type SourceChange,
  type TargetState,
} from "../core/provisioning/export-decision.ts";
import type { Job, ObjectRules } from "../core/provisioning/job.ts";
import type { MatchResult } from "../core/provisioning/matching.ts";
import type { Escrow, Shadow } from "../core/provisioning/shadow.ts";
import type { StagedItem } from "../core/provisioning/staged-import.ts";
import type { ScimResource } from "../core/scim/resource.ts";
import type { Clock, JobStore, StoreBatch, Target, TargetRefusal } from "../ports.ts";
import type { EntryCounts, EntryResult, RemovalDecision } from "./entry-result.ts";
import { escrowEntry } from "./escrow-entry.ts";
import { exportedOf, withExported } from "./exported.ts";
import { matchResource } from "./match-resource.ts";
import { EntryRecord, errorCodeOf, type RecordContext } from "./record.ts";
import { problemOf, type SourceObject, toSourceObject } from "./source-object.ts";

export interface ExportParts {
  readonly job: Job;
  readonly store: JobStore;
  readonly target: Target;
  readonly clock: Clock;
  readonly context: RecordContext;
  readonly counts: EntryCounts;
}

/** What is known of an entry before it is worked on. */
export interface KnownEntry {
  readonly shadow: Shadow | undefined;
  readonly escrow: Escrow | undefined;
  /** Whether removals of it were held. */
  readonly staged: boolean;
}

interface Work {
  readonly item: StagedItem;
  readonly known: KnownEntry;
  readonly record: EntryRecord;
}

interface SourceWork extends Work {
  readonly source: SourceObject;
  readonly rules: ObjectRules;
}

/** What is to be kept besides the row of the log. */
type Outcome = Omit<EntryResult, "batch"> & { readonly batch?: StoreBatch };

/** Brings one entry after the other into the target: scoping, matching, processing and export, without references. */
export class EntryExporter {
  readonly #parts: ExportParts;
  /** Links that are not written yet, so that no two entries take the same resource. */
  readonly #newLinks = new Map<string, string>();
  /** Entries that look for the same resource go one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: ExportParts) {
    this.#parts = parts;
  }

  /** Forgets what has been written. */
  written(): void {
    this.#newLinks.clear();
    this.#turns.clear();
  }

  /**
   * @returns what is to be written; removals are only planned. Undefined when there is nothing to do or to say
   * @throws AgentError as the target's and the store's, which end the cycle
   */
  async provision(
    item: StagedItem,
    known: KnownEntry,
    signal: AbortSignal,
  ): Promise<EntryResult | undefined> {
    const { job, context, counts } = this.#parts;
    const { sourceId, resourceType } = item;
    const rules = job.rules[resourceType];
    if (rules === undefined) return undefined;
    const { shadow } = known;
    const subject = { sourceId, resourceType, anchor: shadow?.anchor, name: shadow?.name };
    const record = new EntryRecord(context, subject);
    const work = { item, known, record };
    const problem = problemOf(item);
    if (problem !== undefined) return this.#importFailed(problem, work);
    if (item.changeType === "delete") {
      counts.imported++;
      return this.#finish(work, await this.#left(work, rules));
    }
    const source = toSourceObject(item);
    if (source === undefined) return undefined;
    counts.imported++;
    record.subject({ anchor: source.anchor, name: source.name });
    record.step("import", "success", { description: `received (${item.changeType})` });
    const outcome = await this.#upsert({ ...work, source, rules }, signal);
    return this.#finish(work, outcome);
  }

  async #left({ item, known, record }: Work, rules: ObjectRules): Promise<Outcome> {
    const { shadow } = known;
    const deleted = item.reason === "deleted";
    const description = deleted ? "received (delete)" : "not in the agent's scope any more";
    record.step("import", "success", { description });
    const change: SourceChange = deleted
      ? { kind: "deleted" }
      : { kind: "outOfScope", detail: "it is not in the agent's scope" };
    const state: TargetState = shadow === undefined ? { kind: "unlinked" } : linked(shadow, false);
    const decision = decideExport(change, { target: state, rules: this.#rulesOf(item, rules) });
    const forget = { unjudged: [item.sourceId] };
    if (shadow === undefined || decision.action === "none") {
      const outcome = this.#leave({ item, known, record }, decision);
      return { ...outcome, batch: { ...outcome.batch, ...forget } };
    }
    return {
      removal: { shadow, decision: removalOf(decision), judged: false, record },
      batch: forget,
    };
  }

  async #upsert(work: SourceWork, signal: AbortSignal): Promise<Outcome> {
    const { source, rules, record, known, item } = work;
    const scoping = rules.scoping(source.read);
    record.step("scoping", scoping.inScope ? "success" : "skipped", {
      description: scoping.detail,
      ...Object.fromEntries(
        scoping.filters.flatMap(({ name, clauses }) =>
          clauses.map(({ rule, holds, detail }) => [`${name}: ${rule}`, holds ? "true" : detail]),
        ),
      ),
    });
    if (scoping.inScope) this.#parts.counts.entitled++;
    const change: SourceChange = { kind: "upsert", scoping, active: source.active };
    const options = { rules: this.#rulesOf(item, rules) };
    const { shadow } = known;
    if (shadow !== undefined) {
      const fingerprint = fingerprintOf(source.attributes);
      const differs = fingerprint !== shadow.fingerprint || !shadow.inScope;
      const decision = decideExport(change, { ...options, target: linked(shadow, differs) });
      return this.#linked(work, { shadow, decision }, signal);
    }
    if (!scoping.inScope) {
      const decision = decideExport(change, { ...options, target: { kind: "unlinked" } });
      return this.#leave(work, decision);
    }
    return this.#inTurn(source, () => this.#unlinked(work, change, signal));
  }

  async #linked(
    work: SourceWork,
    { shadow, decision }: { readonly shadow: Shadow; readonly decision: ExportDecision },
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { record, source } = work;
    record.target(shadow.targetId, shadow.name);
    record.step("matching", "success", { description: "linked" });
    if (decision.action === "none") return this.#leave(work, decision);
    record.step("processing", "success", { description: decision.detail });
    if (decision.action === "disable") {
      const attributes = decision.link === "manage" ? source.attributes : undefined;
      return {
        removal: { shadow, decision: removalOf(decision), attributes, judged: true, record },
      };
    }
    const updated = await this.#update(work, shadow, signal);
    if (updated !== "gone") return updated;
    const description = "the target has it no more: it is matched again";
    record.step("export", "warning", { description });
    const { rules, item } = work;
    const scoping = { inScope: true, detail: "" };
    const change: SourceChange = { kind: "upsert", scoping, active: source.active };
    if (!rules.actions.create) {
      record.fail("InvalidAnchor", `${description}, and creates are switched off`);
      return { batch: await this.#escrow(work, { code: "InvalidAnchor", message: description }) };
    }
    const known = { ...work.known, shadow: undefined };
    const outcome = await this.#inTurn(source, () =>
      this.#unlinked({ ...work, item, known }, change, signal),
    );
    const { relinked } = outcome;
    if (relinked === undefined) return outcome;
    return { ...outcome, relinked: { ...relinked, from: shadow.targetId } };
  }

  async #unlinked(work: SourceWork, change: SourceChange, signal: AbortSignal): Promise<Outcome> {
    const { source, record, rules, item } = work;
    const { target } = this.#parts;
    const match = await this.#match(source, signal);
    if (match.kind === "refused") return this.#refused(work, { refusal: match, step: "matching" });
    const found = match.kind === "one" || match.kind === "none" ? "success" : "failure";
    record.step("matching", match.kind === "noKey" ? "skipped" : found, {
      description: match.detail,
    });
    const options = { rules: this.#rulesOf(item, rules) };
    const decision = decideExport(change, { ...options, target: { kind: "matched", match } });
    if (decision.action === "none") {
      const { errorCode: code, detail: message } = decision;
      if (decision.status === "failure") {
        record.fail(code, message);
        return { batch: await this.#escrow(work, { code, message }) };
      }
      if (match.kind !== "one") return this.#leave(work, decision);
      record.skip(code, message);
      return this.#link(
        source,
        withExported(toShadow(source, match.resource.id), { attributes: {} }),
      );
    }
    record.step("processing", "success", { description: decision.detail });
    if (match.kind === "one") {
      const { resource } = match;
      const before = withExported(toShadow(source, resource.id), {
        attributes: restrictTo(resource, source.attributes),
      });
      const shadow = { ...before, active: resource["active"] !== false };
      record.target(shadow.targetId, shadow.name);
      if (decision.action === "disable" && shadow.active) {
        this.#newLinks.set(shadow.targetId, shadow.anchor);
        const { attributes } = source;
        return {
          removal: { shadow, decision: removalOf(decision), attributes, judged: true, record },
        };
      }
      const updated = await this.#update(work, shadow, signal);
      return updated === "gone"
        ? this.#vanished(work)
        : { ...updated, relinked: relinkedOf(source) };
    }
    record.action("create");
    const created = await target.create(source.resourceType, source.attributes, signal);
    if (created.kind === "refused") {
      return this.#refused(work, { refusal: created, step: "export" });
    }
    if (created.kind === "unknown") return this.#unknown(work, created.detail, signal);
    record.modified({}, source.attributes);
    const { requestId, id } = created;
    record.target(id, source.name);
    record.step("export", "success", { description: "created", requestId });
    this.#parts.counts.exported++;
    return this.#link(source, toShadow(source, id));
  }

  /** Whether it was created nobody knows: what the target has now decides. */
  async #unknown(work: SourceWork, detail: string, signal: AbortSignal): Promise<Outcome> {
    const { source, record } = work;
    const match = await this.#match(source, signal);
    if (match.kind !== "one") {
      const message = `the target did not say whether it was created (${detail})`;
      record.step("export", "failure", { description: message });
      record.fail("Timeout", message);
      return { batch: await this.#escrow(work, { code: "Timeout", message }) };
    }
    record.target(match.resource.id, source.name);
    const description = `created, as a look-up shows (${detail})`;
    record.step("export", "success", { description });
    this.#parts.counts.exported++;
    return this.#link(source, toShadow(source, match.resource.id));
  }

  async #vanished(work: SourceWork): Promise<Outcome> {
    const message = "the resource that was found is gone";
    work.record.fail("InvalidAnchor", message);
    return { batch: await this.#escrow(work, { code: "InvalidAnchor", message }) };
  }

  /** @returns `gone` when the target has the resource no more */
  async #update(work: SourceWork, shadow: Shadow, signal: AbortSignal): Promise<Outcome | "gone"> {
    const { source, record } = work;
    const { target, counts } = this.#parts;
    const before = exportedOf(shadow).attributes;
    const after = source.attributes;
    record.action("update");
    const updated = await target.update(
      source.resourceType,
      shadow.targetId,
      { before, after },
      signal,
    );
    if (updated.kind === "gone") return "gone";
    if (updated.kind === "refused")
      return this.#refused(work, { refusal: updated, step: "export" });
    const sent = updated.requestIds.length > 0;
    if (sent) counts.exported++;
    else counts.skipped++;
    record.modified(before, after);
    record.step("export", sent ? "success" : "skipped", {
      description: sent ? "updated" : "the target has it so already",
      requestId: updated.requestIds.join(" "),
    });
    const { anchor, sourceId, name } = source;
    const identity = { anchor, sourceId, name, active: source.active !== false, inScope: true };
    const next = withExported({ ...shadow, ...identity }, { attributes: after });
    this.#newLinks.set(shadow.targetId, anchor);
    return { batch: { shadows: [next], judged: next.active ? [] : [sourceId] } };
  }

  #link(source: SourceObject, shadow: Shadow): Outcome {
    this.#newLinks.set(shadow.targetId, shadow.anchor);
    return {
      batch: { shadows: [shadow], judged: shadow.active ? [] : [source.sourceId] },
      relinked: relinkedOf(source),
    };
  }

  /** Nothing is sent; the link stays or is let go. */
  #leave({ known, record, item }: Work, decision: ExportDecision): Outcome {
    const { shadow } = known;
    this.#parts.counts.skipped++;
    if (decision.action === "none") record.skip(decision.errorCode, decision.detail);
    record.step("processing", "skipped", { description: decision.detail });
    const judged = { judged: [item.sourceId] };
    if (shadow === undefined) return { batch: judged };
    record.target(shadow.targetId, shadow.name);
    const inScope = decision.link === "manage";
    if (shadow.inScope === inScope) return { batch: shadow.active && inScope ? {} : judged };
    return { batch: { shadows: [{ ...shadow, inScope }], ...judged } };
  }

  async #importFailed(problem: string, work: Work): Promise<EntryResult | undefined> {
    const { escrow } = work.known;
    const { record } = work;
    // It is said again in every listing.
    const isKnown = escrow?.message === problem && escrow.nextAttemptAt > this.#parts.clock.now();
    if (isKnown) return undefined;
    this.#parts.counts.imported++;
    record.step("import", "failure", { description: problem });
    record.fail("MandatoryFieldsMissing", problem);
    const batch = await this.#escrow(work, { code: "MandatoryFieldsMissing", message: problem });
    return this.#finish(work, { batch });
  }

  async #refused(
    work: Work,
    { refusal, step }: { readonly refusal: TargetRefusal; readonly step: "matching" | "export" },
  ): Promise<Outcome> {
    const code = errorCodeOf(refusal);
    const { requestId, status, scimType, detail } = refusal;
    const said = `the target answered ${status ?? "nothing"}${scimType ? ` ${scimType}` : ""}`;
    work.record.step(step, "failure", { description: said, requestId });
    work.record.fail(code, `${said}: ${detail}`);
    return { batch: await this.#escrow(work, { code, message: said }) };
  }

  async #escrow(
    { item, known }: Work,
    { code: errorCode, message }: { readonly code: string; readonly message: string },
  ): Promise<StoreBatch> {
    const { sourceId, resourceType } = item;
    const anchor = known.shadow?.anchor;
    const failure = { sourceId, resourceType, anchor, reference: false, errorCode, message };
    return escrowEntry(failure, this.#parts);
  }

  #finish({ item, known, record }: Work, outcome: Outcome): EntryResult {
    const { batch = {}, ...rest } = outcome;
    const failed = record.status === "failure";
    const cleared = known.escrow !== undefined && !failed ? [item.sourceId] : [];
    const back = known.staged && !failed && outcome.removal === undefined && known.shadow;
    const summaries = outcome.removal === undefined ? [record.finish()] : [];
    return {
      ...rest,
      batch: {
        ...batch,
        summaries,
        clearedEscrows: [...(batch.clearedEscrows ?? []), ...cleared],
        clearedStagedDeletes: back ? [{ anchor: back.anchor, member: undefined }] : [],
      },
    };
  }

  async #match(
    source: SourceObject,
    signal: AbortSignal,
  ): Promise<MatchResult<ScimResource> | TargetRefusal> {
    return matchResource(source, { ...this.#parts, newLinks: this.#newLinks }, signal);
  }

  async #inTurn<T>(source: SourceObject, work: () => Promise<T>): Promise<T> {
    const [first] = this.#parts.job.rules[source.resourceType]?.matching ?? [];
    const value = first === undefined ? undefined : source.read(first.source);
    const key = `${source.resourceType} ${String(value).toLowerCase()}`;
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.#turns.set(key, turn);
    return turn;
  }

  #rulesOf({ resourceType }: StagedItem, { actions }: ObjectRules) {
    const { skipOutOfScopeDeletions } = this.#parts.job;
    return { ...actions, skipOutOfScopeDeletions, disableable: resourceType === "User" };
  }
}

function linked({ active, inScope }: Shadow, differs: boolean): TargetState {
  return { kind: "linked", active, inScope, differs };
}

function removalOf(decision: ExportDecision): RemovalDecision {
  if (decision.action === "disable" || decision.action === "delete") {
    return { ...decision, action: decision.action };
  }
  throw new TypeError(`${decision.action} removes nothing`);
}

function relinkedOf({ sourceId }: SourceObject): EntryResult["relinked"] {
  return { sourceId, from: undefined };
}

/** As it is right after its attributes were exported. */
function toShadow(source: SourceObject, targetId: string): Shadow {
  const { anchor, sourceId, resourceType, name, attributes, active } = source;
  const shadow: Shadow = {
    ...{ anchor, sourceId, targetId, resourceType, name },
    ...{ fingerprint: "", exported: {}, active: active !== false, inScope: true },
  };
  return withExported(shadow, { attributes });
}

/** What the target has of the attributes that are exported: the others are its own business. */
function restrictTo(
  resource: ScimResource,
  attributes: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.keys(attributes).flatMap((name) => (name in resource ? [[name, resource[name]]] : [])),
  );
}
