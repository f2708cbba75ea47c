import { AgentError } from "../core/error.ts";
import type { AttributeNames } from "./attribute-names.ts";
import { completeRanges } from "./attribute-ranges.ts";
import { type BaseReadAnswer, readBase } from "./base-read.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { RawEntry } from "./entry-decoding.ts";
import { errorOfResult, isUnbound, meaningOf, printResult } from "./result-code.ts";
import { Semaphore } from "./semaphore.ts";

export const ROOT_DSE = "";

/** Reads that are under way at the same time; slapd has 16 threads, more only wait there. */
export const MAX_READS_IN_FLIGHT = 64;
/** Callers that wait for one of those; `resolve` waits once for each of its workers. */
const MAX_WAITING_READS = 65_536;

/** noSuchObject, invalidDNSyntax: no entry has that name. partialResults, referral: none here has. */
const NO_ENTRY: ReadonlySet<number> = new Set([32, 34, 9, 10]);

/** Reads of single entries by their DN, many at a time over the connection that all share. */
export class NamedReads {
  readonly #pool: ConnectionPool;
  readonly #names: AttributeNames;
  readonly #turns = new Semaphore({
    permits: MAX_READS_IN_FLIGHT,
    maxWaiting: MAX_WAITING_READS,
  });

  constructor(pool: ConnectionPool, names: AttributeNames) {
    this.#pool = pool;
    this.#names = names;
  }

  /**
   * The entry with all its values, or undefined when there is none.
   * @throws AgentError as `Directory.read`; the signal's reason
   */
  async read(
    dn: string,
    attributes: readonly string[],
    signal: AbortSignal,
  ): Promise<RawEntry | undefined> {
    const leave = await this.#turns.acquire(signal);
    try {
      for (let again = false; ; again = true) {
        const { connection, reused } = await this.#pool.shared(signal);
        const request = { dn, attributes, names: this.#names };
        let answer: BaseReadAnswer;
        try {
          answer = await readBase(connection, request, signal);
        } catch (error) {
          // It was there before and had died meanwhile: once more, on a new one.
          if (signal.aborted || again || !reused || connection.open) throw error;
          continue;
        }
        if (isUnbound(answer.result) && !again) {
          const reason = `${connection.server.url}: the server holds the connection for unbound`;
          connection.drop(new AgentError("directory.unreachable", reason));
          continue;
        }
        const entry = entryOf(answer, dn);
        if (entry !== undefined) await completeRanges(connection, entry, this.#names, signal);
        return entry;
      }
    } finally {
      leave();
    }
  }
}

function entryOf({ entry, result }: BaseReadAnswer, dn: string): RawEntry | undefined {
  if (result.code === 0) return entry;
  if (NO_ENTRY.has(result.code) && dn !== ROOT_DSE) return undefined;
  // A read of one entry that was cut is neither that entry nor the lack of one.
  if (meaningOf(result.code).kind === "cut") {
    throw new AgentError("directory.busy", `read of an entry: ${printResult(result)}`);
  }
  const error = errorOfResult("read of an entry", result);
  if (error.code !== "scope.missing") throw error;
  throw new AgentError("directory.refused", "the server shows no root DSE");
}
