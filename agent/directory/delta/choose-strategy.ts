import { AgentError } from "../../core/error.ts";
import type { DeltaMark, DeltaStrategyName } from "../../ports.ts";
import type { DirectoryKind } from "../dialect.ts";
import { accessLog } from "./access-log.ts";
import { dirSync } from "./dir-sync.ts";
import { entryCsn } from "./entry-csn.ts";
import { modifyTimestamp } from "./modify-timestamp.ts";
import type { DeltaRun, DeltaStrategy } from "./strategy.ts";
import { syncRepl } from "./sync-repl.ts";
import { usnChanged } from "./usn-changed.ts";

export const STRATEGIES: Readonly<Record<DeltaStrategyName, DeltaStrategy>> = {
  dirSync,
  usnChanged,
  syncRepl,
  accessLog,
  entryCsn,
  modifyTimestamp,
};

/** The better one first. */
const PREFERRED: Readonly<Record<DirectoryKind, readonly DeltaStrategyName[]>> = {
  activeDirectory: ["dirSync", "usnChanged"],
  openLdap: ["syncRepl", "accessLog", "entryCsn", "modifyTimestamp"],
};

/**
 * How far a directory has come, by the first strategy that works on its server, or by the configured one.
 * @throws AgentError as `DeltaStrategy.mark`; `config.invalid` when the configured one does not work
 */
export async function chooseStrategy(
  {
    kind,
    configured,
  }: { readonly kind: DirectoryKind; readonly configured: DeltaStrategyName | "none" | undefined },
  run: DeltaRun,
  signal: AbortSignal,
): Promise<DeltaMark> {
  if (configured === "none") {
    return { mark: undefined, because: "the configuration says so (delta: none)", passedOver: [] };
  }
  const passedOver: { readonly strategy: DeltaStrategyName; readonly because: string }[] = [];
  for (const strategy of configured === undefined ? PREFERRED[kind] : [configured]) {
    const mark = await STRATEGIES[strategy].mark(run, signal);
    const { because } = mark;
    if (mark.usable) return { mark: { strategy, position: mark.position }, because, passedOver };
    passedOver.push({ strategy, because });
  }
  if (configured !== undefined) {
    const [failed] = passedOver;
    throw new AgentError(
      "config.invalid",
      `delta: ${configured} does not work: ${failed?.because}`,
      {
        hint: "take the option away, and the best strategy that works is chosen",
      },
    );
  }
  return { mark: undefined, because: "the directory does not say what has changed", passedOver };
}
