import type { ResourceTypeName } from "./scope.ts";

/** What a preview said of one entry, as much as telling two previews apart takes. Holds no value of the entry. */
export interface KeptVerdict {
  readonly resourceType: ResourceTypeName;
  readonly id: string;
  readonly inScope: boolean;
  /** The rule that decided, for a person. */
  readonly reason: string;
  /** Of what would be sent, when it is in scope. */
  readonly fingerprint?: string;
}

/**
 * `came`: in scope now. `left`: was in scope, is not now. `content`: in scope in both, other things would be sent.
 * `reason`: another rule says the same.
 */
export type DifferenceKind = "came" | "left" | "content" | "reason";

export interface Difference {
  readonly change: DifferenceKind;
  readonly resourceType: ResourceTypeName;
  readonly id: string;
  /** Undefined when only one of the previews has the entry. */
  readonly before: KeptVerdict | undefined;
  readonly after: KeptVerdict | undefined;
}

export interface DifferenceCounts extends Record<DifferenceKind, number> {
  /** The same in both. */
  same: number;
  /** Out of scope, and not in the earlier preview at all. */
  appeared: number;
  /** Was out of scope, and is not in the later preview at all. */
  vanished: number;
}

/**
 * Compares a preview with an earlier one, entry by entry as the later one is read. Both must be whole. What is out of
 * scope in one and unknown to the other is counted and no difference: nothing was or would be sent of it.
 */
export class PreviewComparison {
  readonly #earlier: Map<string, KeptVerdict>;
  readonly #counts: Readonly<Record<ResourceTypeName, DifferenceCounts>> = {
    User: noCounts(),
    Group: noCounts(),
  };

  /** @param earlier is used up */
  constructor(earlier: Map<string, KeptVerdict>) {
    this.#earlier = earlier;
  }

  get counts(): Readonly<Record<ResourceTypeName, Readonly<DifferenceCounts>>> {
    return this.#counts;
  }

  get differences(): number {
    const each = Object.values(this.#counts);
    return each.reduce((sum, { came, left, content, reason }) => {
      return sum + came + left + content + reason;
    }, 0);
  }

  /** @returns undefined when there is no difference */
  compare(after: KeptVerdict): Difference | undefined {
    const key = verdictKey(after);
    const before = this.#earlier.get(key);
    this.#earlier.delete(key);
    return this.#difference({ before, after }, after);
  }

  /** What the later preview did not have; to be asked for at its end. */
  *missing(): Generator<Difference, void> {
    for (const before of this.#earlier.values()) {
      const difference = this.#difference({ before, after: undefined }, before);
      if (difference !== undefined) yield difference;
    }
    this.#earlier.clear();
  }

  #difference(
    pair: Pick<Difference, "before" | "after">,
    { resourceType, id }: KeptVerdict,
  ): Difference | undefined {
    const change = changeOf(pair);
    this.#counts[resourceType][change]++;
    if (change === "same" || change === "appeared" || change === "vanished") return undefined;
    return { change, resourceType, id, ...pair };
  }
}

/** Tells the verdicts of one preview apart: an entry may be of both types. */
export function verdictKey({ resourceType, id }: Pick<KeptVerdict, "resourceType" | "id">): string {
  return `${resourceType} ${id}`;
}

function changeOf({ before, after }: Pick<Difference, "before" | "after">): keyof DifferenceCounts {
  const wasIn = before?.inScope === true;
  const isIn = after?.inScope === true;
  if (wasIn !== isIn) return isIn ? "came" : "left";
  if (before === undefined) return "appeared";
  if (after === undefined) return "vanished";
  if (before.fingerprint !== after.fingerprint) return "content";
  return before.reason === after.reason ? "same" : "reason";
}

function noCounts(): DifferenceCounts {
  return { came: 0, left: 0, content: 0, reason: 0, same: 0, appeared: 0, vanished: 0 };
}
