import { AgentError } from "../../core/error.ts";
import { type DefectName, findDefect } from "./defects.ts";

/** What may befall a request. Probabilities are from 0 to 1. */
export type FaultRule =
  /** It is answered with this status instead of being carried out. */
  | { readonly kind: "status"; readonly status: number; readonly probability: number }
  /** It is carried out so many milliseconds later. */
  | { readonly kind: "slow"; readonly ms: number; readonly probability: number }
  /** The connection is cut before anything is done. */
  | { readonly kind: "drop"; readonly probability: number }
  /** It is carried out, and then the connection is cut. */
  | { readonly kind: "lost"; readonly probability: number };

export interface FaultPlan {
  /** The same seed gives the same faults to the same sequence of requests. */
  readonly seed: number;
  readonly rules: readonly FaultRule[];
  /** What the app does wrong with every request. */
  readonly defects?: readonly DefectName[];
}

export const FAULT_NOTATION =
  "429:0.05 (any status from 400 to 599), slow:200ms or slow:200ms:0.1, drop:0.01, lost:0.01, seed:7, or the name of a defect";

const MAX_SLOW_MS = 60_000;
const DEFAULT_SEED = 1;
const DURATION = /^(\d{1,5})(ms|s)$/;
const FRACTION = /^(?:0|1|[01]?\.\d{1,9})$/;

/**
 * Reads `429:0.05,500:0.01,slow:200ms,ignore-patch`.
 * @throws AgentError `usage`
 */
export function parseFaultPlan(text: string): FaultPlan {
  const rules: FaultRule[] = [];
  const defects: DefectName[] = [];
  let seed = DEFAULT_SEED;
  for (const part of text.split(",")) {
    const [kind = "", ...values] = part.trim().split(":");
    const defect = findDefect(part.trim());
    if (defect !== undefined) defects.push(defect);
    else if (kind === "seed") seed = parseSeed(values, part);
    else rules.push(parseRule(kind, values, part));
  }
  return { seed, rules, ...(defects.length === 0 ? {} : { defects }) };
}

function parseRule(kind: string, values: readonly string[], part: string): FaultRule {
  const [first = "", second = "1", ...more] = values;
  if (kind === "slow") {
    const [, amount = "", unit] = DURATION.exec(first) ?? [];
    const ms = Number(amount) * (unit === "s" ? 1000 : 1);
    if (amount === "" || ms > MAX_SLOW_MS || more.length > 0) throw usage(part);
    return { kind, ms, probability: parseFraction(second, part) };
  }
  if (values.length !== 1) throw usage(part);
  const probability = parseFraction(first, part);
  if (kind === "drop" || kind === "lost") return { kind, probability };
  const status = /^[45]\d\d$/.test(kind) ? Number(kind) : undefined;
  if (status === undefined) throw usage(part);
  return { kind: "status", status, probability };
}

function parseFraction(text: string, part: string): number {
  const value = FRACTION.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw usage(part);
}

function parseSeed([text = "", ...more]: readonly string[], part: string): number {
  if (more.length > 0 || !/^\d{1,9}$/.test(text)) throw usage(part);
  return Number(text);
}

function usage(part: string): AgentError {
  return new AgentError("usage", `${JSON.stringify(part)} is no fault`, {
    hint: `faults are separated by commas: ${FAULT_NOTATION}`,
  });
}
