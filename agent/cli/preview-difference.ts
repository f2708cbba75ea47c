import { fingerprintOf } from "../core/fingerprint.ts";
import type { MappedEntry } from "../core/map-entry.ts";
import { type KeptVerdict, PreviewComparison, verdictKey } from "../core/preview-comparison.ts";
import type { ResourceTypeName } from "../core/scope.ts";
import { type PreviewedEntry, previewScope } from "../provider/preview-scope.ts";
import type { ServedDirectory } from "../provider/served-directory.ts";
import type { ComparisonEnd, DifferencePrinter } from "./difference-printer.ts";
import { type KeptHead, MAX_KEPT_ENTRIES, readKeptPreview } from "./kept-preview.ts";
import { KeptPreviewWriter, tooMany } from "./kept-preview-writer.ts";
import { Progress } from "./progress.ts";

/** Entries of a preview, with what they are compared by. */
export function keepVerdict({ resourceType, id, verdict, mapped }: PreviewedEntry): KeptVerdict {
  const { inScope, detail } = verdict;
  if (!inScope) return { resourceType, id, inScope, reason: `${verdict.because}: ${detail}` };
  if (mapped === undefined) return { resourceType, id, inScope, reason: detail };
  const reason = `${detail}${printProblem(mapped)}`;
  return { resourceType, id, inScope, reason, fingerprint: fingerprintOf(contentOf(mapped)) };
}

function contentOf(mapped: MappedEntry): unknown {
  return mapped.kind === "resource" ? mapped.resource : mapped.problem;
}

function printProblem(mapped: MappedEntry): string {
  if (mapped.kind === "resource") return "";
  const { attribute, reason, rule } = mapped.problem;
  return `; cannot be mapped: ${attribute} ${reason} (${rule})`;
}

/** A preview with its payloads, counted on the terminal. */
async function* previewWhole(
  served: ServedDirectory,
  resourceTypes: readonly ResourceTypeName[],
  signal: AbortSignal,
): AsyncGenerator<PreviewedEntry, void> {
  const progress = new Progress("entries read");
  let total = 0;
  try {
    for await (const batch of previewScope(
      served,
      { resourceTypes, payload: true, now: Date.now() },
      signal,
    )) {
      total += batch.length;
      progress.update(total);
      yield* batch;
    }
  } finally {
    progress.end();
  }
}

export interface KeptComparison {
  readonly served: ServedDirectory;
  readonly resourceTypes: readonly ResourceTypeName[];
  readonly printer: DifferencePrinter;
  /** Fingerprint of the configuration. */
  readonly configuration: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Of the kept preview. */
  readonly path: string;
  /** Where this preview is kept; undefined leaves what is kept as it is, unless there is nothing. */
  readonly saveTo: string | undefined;
}

/**
 * Compares the preview of now with the kept one. When none is kept there is nothing to compare with, and this one is
 * kept.
 * @returns the number of differences
 * @throws AgentError as `previewScope`, `readKeptPreview` and `KeptPreviewWriter`; what was kept is then as it was
 */
export async function compareWithKept(
  options: KeptComparison,
  signal: AbortSignal,
): Promise<number> {
  const { served, resourceTypes, printer, configuration, at, path } = options;
  const head: KeptHead = { directory: served.directory.name, configuration, at, resourceTypes };
  const kept = await readKeptPreview(path, head);
  const comparison = new PreviewComparison(kept?.verdicts ?? new Map());
  const saveTo = options.saveTo ?? (kept === undefined ? path : undefined);
  const writer = saveTo === undefined ? undefined : await KeptPreviewWriter.open(saveTo, head);
  try {
    for await (const entry of previewWhole(served, resourceTypes, signal)) {
      const verdict = keepVerdict(entry);
      await writer?.add(verdict);
      if (kept === undefined) continue;
      const difference = comparison.compare(verdict);
      if (difference !== undefined) await printer.add({ ...difference, dn: entry.dn });
    }
    for (const difference of comparison.missing()) {
      await printer.add({ ...difference, dn: undefined });
    }
    await writer?.commit();
  } finally {
    await writer?.discard();
  }
  await printer.end(kept && comparison, keptEnd(options, { kept, saveTo }));
  return comparison.differences;
}

function keptEnd(
  { path, configuration }: KeptComparison,
  { kept, saveTo }: { readonly kept: KeptHead | undefined; readonly saveTo: string | undefined },
): ComparisonEnd {
  const other = kept?.configuration === configuration ? "" : " with another configuration";
  const compared =
    kept === undefined
      ? `there is nothing to compare with: no preview is kept in ${path}`
      : `compared with the preview of ${kept.at}${other}, kept in ${path}`;
  const saved =
    saveTo === undefined
      ? "what is kept stays as it is; --save keeps this preview"
      : `this preview is kept in ${saveTo} for the next --diff`;
  const comparedWith = kept && {
    ...{ file: path, at: kept.at, configuration: kept.configuration },
  };
  const document = { configuration, comparedWith: comparedWith ?? null, savedTo: saveTo ?? null };
  return { sentences: [compared, saved], document };
}

export interface ComparedConfiguration {
  /** Of its file. */
  readonly path: string;
  readonly fingerprint: string;
  readonly served: ServedDirectory;
}

/**
 * Compares what two configurations make of the same directory, which is read once for each.
 * @returns the number of differences
 * @throws AgentError as `previewScope`
 */
export async function compareConfigurations(
  before: ComparedConfiguration,
  after: ComparedConfiguration,
  options: {
    readonly resourceTypes: readonly ResourceTypeName[];
    readonly printer: DifferencePrinter;
  },
  signal: AbortSignal,
): Promise<number> {
  const { resourceTypes, printer } = options;
  const earlier = new Map<string, KeptVerdict>();
  const dns = new Map<string, string>();
  for await (const entry of previewWhole(before.served, resourceTypes, signal)) {
    if (earlier.size >= MAX_KEPT_ENTRIES) throw tooMany();
    earlier.set(verdictKey(entry), keepVerdict(entry));
    dns.set(entry.id, entry.dn);
  }
  const comparison = new PreviewComparison(earlier);
  for await (const entry of previewWhole(after.served, resourceTypes, signal)) {
    const difference = comparison.compare(keepVerdict(entry));
    if (difference !== undefined) await printer.add({ ...difference, dn: entry.dn });
  }
  for (const difference of comparison.missing()) {
    await printer.add({ ...difference, dn: dns.get(difference.id) });
  }
  const files = [before, after].map(({ path, fingerprint }) => ({
    ...{ file: path, configuration: fingerprint },
  }));
  await printer.end(comparison, {
    sentences: [`before: ${before.path}`, `after: ${after.path}`],
    document: { before: files[0], after: files[1] },
  });
  return comparison.differences;
}
