import { setMaxListeners } from "node:events";
import { AgentError } from "../../core/error.ts";
import type { DeltaMark, DirectoryChanges, DirectoryMark } from "../../ports.ts";
import type { ConnectionPool } from "../connection-pool.ts";
import type { NamedReads } from "../named-reads.ts";
import type { LdapSettings } from "../options.ts";
import { isUnbound } from "../result-code.ts";
import { type ChangeSearch, type ChangeSearchEnd, searchChanges } from "./change-search.ts";
import { chooseStrategy, STRATEGIES } from "./choose-strategy.ts";
import type { DeltaRun } from "./strategy.ts";

export interface DeltaSourceParts {
  readonly settings: Pick<LdapSettings, "kind" | "baseDn" | "pageSize" | "delta">;
  readonly pool: ConnectionPool;
  readonly reads: NamedReads;
}

/** What has changed on one server, by the strategy that works there. */
export class DeltaSource {
  readonly #parts: DeltaSourceParts;

  constructor(parts: DeltaSourceParts) {
    this.#parts = parts;
  }

  /** @throws AgentError as `Directory.mark` */
  mark(interest: readonly string[], signal: AbortSignal): Promise<DeltaMark> {
    const { kind, delta } = this.#parts.settings;
    return chooseStrategy({ kind, configured: delta }, this.#run(interest), signal);
  }

  /** @throws AgentError as `Directory.changes` */
  async changes(
    { strategy, position }: DirectoryMark,
    interest: readonly string[],
    signal: AbortSignal,
  ): Promise<DirectoryChanges> {
    const { delta } = this.#parts.settings;
    if (delta !== undefined && delta !== strategy) {
      return {
        kind: "expired",
        because: `the configuration says delta: ${delta}, and it is of ${strategy}`,
      };
    }
    const run = this.#run(interest);
    const told = await STRATEGIES[strategy].changes(position, run, signal);
    if (told.kind === "expired") return told;
    const { position: next, ...changes } = told;
    return { ...changes, mark: { strategy, position: next } };
  }

  #run(interest: readonly string[]): DeltaRun {
    const { settings, reads } = this.#parts;
    return {
      baseDn: settings.baseDn,
      pageSize: settings.pageSize,
      interest,
      search: (request, signal) => this.#search(request, signal),
      read: (dn, attributes, signal) => reads.read(dn, attributes, signal),
    };
  }

  /** On a connection of its own; once more on a new one when it had died in the pool. */
  async #search(request: ChangeSearch, signal: AbortSignal): Promise<ChangeSearchEnd> {
    setMaxListeners(0, signal);
    for (let fresh = false; ; fresh = true) {
      const lease = await this.#parts.pool.lease(signal, { fresh });
      let heard = false;
      const onEntry: ChangeSearch["onEntry"] = (entry) => {
        heard = true;
        return request.onEntry(entry);
      };
      try {
        const end = await searchChanges(lease.connection, { ...request, onEntry }, signal);
        if (end !== "left" && isUnbound(end) && !fresh && !heard) {
          lease.drop();
          continue;
        }
        lease.release();
        return end;
      } catch (error) {
        lease.drop();
        const died = error instanceof AgentError && error.code === "directory.unreachable";
        if (!died || signal.aborted || fresh || heard || !lease.reused) throw error;
      }
    }
  }
}
