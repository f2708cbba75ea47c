import { AgentError } from "../core/error.ts";
import type { ResourceTypeName } from "../core/scope.ts";

/** Options of `scope preview`. */
export interface PreviewFlags {
  /** Two compare what both make of the same directory. */
  readonly config?: readonly string[];
  readonly directory?: string;
  readonly type?: ResourceTypeName;
  readonly only?: "in" | "out";
  readonly payload?: boolean;
  readonly format: "table" | "json" | "csv";
  readonly json?: boolean;
  readonly limit: number;
  /** `true`: beside the configuration. */
  readonly diff?: string | true;
  readonly save?: string | true;
}

/**
 * Refuses what would be without effect.
 * @throws AgentError `usage`
 */
export function refuseBeside(flags: PreviewFlags, what: string): void {
  const given = [
    ...(flags.payload === true ? ["--payload"] : []),
    ...(flags.only === undefined ? [] : ["--only"]),
    ...(flags.config?.length === 2 && flags.diff !== undefined ? ["--diff"] : []),
    ...(flags.config?.length === 2 && flags.save !== undefined ? ["--save"] : []),
  ];
  if (given.length === 0) return;
  throw new AgentError("usage", `${given.join(", ")} cannot be used with ${what}`);
}

export function formatOf(flags: PreviewFlags): PreviewFlags["format"] {
  return flags.json === true ? "json" : flags.format;
}

export function typesOf({ type }: PreviewFlags): readonly ResourceTypeName[] {
  return type === undefined ? ["User", "Group"] : [type];
}
