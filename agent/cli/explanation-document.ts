import type { Entry, Value } from "../core/entry.ts";
import type { Inspection } from "../provider/inspect-entry.ts";

/** The inspection as `scope explain --json` prints it. Members are always there, unless they say otherwise. */
export function explanationDocument(inspection: Inspection): Readonly<Record<string, unknown>> {
  const { directory, baseDn, entry, foundBy, judged, mapping } = inspection;
  const { dn, id, anchor } = entry;
  const known = { directory, baseDn, dn, id, anchor, foundBy, resourceTypes: judged.resourceTypes };
  if (judged.resourceType === undefined) {
    const { detail } = judged;
    return { ...known, inScope: false, because: "no resource type", detail };
  }
  const { verdict, organizationalUnits, groups, clauses, ...rest } = judged.scope;
  const mapped = mapping?.mapped;
  return {
    ...known,
    resourceType: judged.resourceType,
    // With `because` when it is out of scope.
    ...verdict,
    ...rest,
    organizationalUnits,
    groups,
    clauses: clauses.map((clause) => ({ ...clause, values: clause.values.map(jsonValue) })),
    wouldSend: verdict.inScope && mapped?.kind === "resource",
    // One of the two.
    ...(mapped?.kind === "resource" ? { resource: mapped.resource } : {}),
    ...(mapped?.kind === "problem" ? { problem: mapped.problem } : {}),
    references: (mapping?.references ?? []).map((reference) => ({
      dn: reference.dn,
      id: reference.id ?? null,
    })),
  };
}

/** The entries that a name means when it means several. */
export function candidatesDocument(
  entries: readonly Entry[],
  { more }: { readonly more: boolean },
): Readonly<Record<string, unknown>> {
  return { candidates: entries.map(({ dn, id }) => ({ dn, id })), more };
}

/** Bytes as base64. */
function jsonValue(value: Value): string {
  return typeof value === "string" ? value : Buffer.from(value).toString("base64");
}
