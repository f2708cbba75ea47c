import type { HeldRemoval } from "../core/provisioning/delete-guard.ts";
import type { Shadow } from "../core/provisioning/shadow.ts";
import { concurrently } from "./concurrently.ts";
import { joinBatches } from "./entry-result.ts";
import type { ExportParts } from "./export-entry.ts";
import { exportedOf } from "./exported.ts";
import { type ReferenceOptions, resolveReferences } from "./resolve-references.ts";
import { type SourceReferences, toSourceObject } from "./source-object.ts";

export interface PassOptions extends ReferenceOptions {
  /** Directory ids of what was linked in this cycle; with the id at the target that it had before, if any. */
  readonly relinked: ReadonlyMap<string, string | undefined>;
  readonly concurrency: number;
}

type Pair = readonly [Shadow, SourceReferences];

/** Entries of one transaction. */
const AT_ONCE = 500;

/**
 * Sets the references of all that was imported, then of those who waited for what has been linked since, and of those whose
 * references were given a new id by the target.
 * @returns removals of members that were held
 * @throws AgentError as the target's and the store's
 */
export async function passReferences(
  parts: ExportParts,
  options: PassOptions,
  signal: AbortSignal,
): Promise<readonly HeldRemoval[]> {
  const { store } = parts;
  const held: HeldRemoval[] = [];
  const resolveAll = async (pairs: readonly Pair[]) => {
    const { results, error } = await concurrently(pairs, {
      limit: options.concurrency,
      work: ([shadow, references]) => resolveReferences(shadow, references, parts, options, signal),
    });
    const told = results.filter((result) => result !== undefined);
    held.push(...told.flatMap((result) => result.held));
    await store.write(joinBatches(told.map(({ batch }) => batch)));
    if (error !== undefined) throw error;
  };
  for (const resourceType of ["User", "Group"] as const) {
    for await (const batch of store.stagedItems({ resourceType })) {
      const sources = new Map(
        batch.flatMap((item) => {
          const source = item.changeType === "delete" ? undefined : toSourceObject(item);
          return source === undefined ? [] : [[source.sourceId, source.references] as const];
        }),
      );
      const shadows = await store.shadowsBySourceId([...sources.keys()]);
      const waiting = await store.waitingOf([...shadows.values()].map(({ anchor }) => anchor));
      const isWaiting = new Set(waiting.map(({ anchor }) => anchor));
      const pairs = [...shadows.values()].flatMap((shadow): Pair[] => {
        const references = sources.get(shadow.sourceId);
        if (references === undefined || !shadow.inScope) return [];
        const { manager, members } = exportedOf(shadow);
        const nothing =
          references.manager === undefined &&
          references.members.length === 0 &&
          manager === undefined &&
          members.length === 0 &&
          !isWaiting.has(shadow.anchor);
        return nothing ? [] : [[shadow, references]];
      });
      await resolveAll(pairs);
    }
  }
  await resolveWaiters(parts, { ...options, resolveAll });
  await renewReferences(parts, { ...options, resolveAll });
  return held;
}

interface Follow extends PassOptions {
  readonly resolveAll: (pairs: readonly Pair[]) => Promise<void>;
}

/** Who waited for what is linked now, and was not imported itself. */
async function resolveWaiters(parts: ExportParts, { relinked, resolveAll }: Follow): Promise<void> {
  const { store } = parts;
  const ids = [...relinked.keys()];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const waiters = await store.waitersOf(ids.slice(at, at + AT_ONCE));
    const anchors = [...new Set(waiters.map(({ anchor }) => anchor))];
    await resolveAll(await knownReferences(parts, anchors));
  }
}

/** Their references as they were last exported, and those they wait for. */
async function knownReferences(
  { store }: ExportParts,
  anchors: readonly string[],
): Promise<readonly Pair[]> {
  const shadows = await store.shadowsByAnchor(anchors);
  const waiting = await store.waitingOf(anchors);
  const pairs: Pair[] = [];
  for (const shadow of shadows.values()) {
    if (!shadow.inScope) continue;
    const exported = exportedOf(shadow);
    const ids = exported.manager === undefined ? exported.members : [exported.manager];
    const owners = await store.shadowsByTargetId(ids);
    const sourceIds = [...owners.values()].map(({ sourceId }) => sourceId);
    const own = waiting.filter(({ anchor }) => anchor === shadow.anchor);
    const wanted = own.map(({ reference }) => reference);
    const isUser = shadow.resourceType === "User";
    pairs.push([
      shadow,
      {
        manager: isUser ? (wanted[0] ?? sourceIds[0]) : undefined,
        members: isUser ? [] : [...sourceIds, ...wanted],
      },
    ]);
  }
  return pairs;
}

/** What was created anew has another id at the target, and has left its groups with the old one. */
async function renewReferences(
  parts: ExportParts,
  { relinked, resolveAll }: Follow,
): Promise<void> {
  const renewed = new Map(
    [...relinked].flatMap(([sourceId, from]) => (from === undefined ? [] : [[from, sourceId]])),
  );
  if (renewed.size === 0) return;
  for await (const batch of parts.store.shadows({ inScope: true })) {
    const concerned = batch.filter((shadow) => {
      const { manager, members } = exportedOf(shadow);
      return [manager ?? "", ...members].some((id) => renewed.has(id));
    });
    const pairs: Pair[] = [];
    for (const shadow of concerned) {
      const [[, known] = [shadow, { manager: undefined, members: [] }]] = await knownReferences(
        parts,
        [shadow.anchor],
      );
      const { manager, members } = exportedOf(shadow);
      const back = members.flatMap((id) => renewed.get(id) ?? []);
      const references = {
        manager: renewed.get(manager ?? "") ?? known.manager,
        members: [...new Set([...known.members, ...back])],
      };
      pairs.push([shadow, references]);
    }
    await resolveAll(pairs);
  }
}
