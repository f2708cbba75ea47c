import { isIP } from "node:net";
import { AgentError } from "../core/error.ts";
import { DirectoryServer, type DirectoryServerOptions } from "./directory-server.ts";
import { Semaphore } from "./semaphore.ts";
import type { Server } from "./server.ts";
import type { ServerList } from "./server-list.ts";

export interface ServerChoiceOptions extends Omit<DirectoryServerOptions, "turns" | "onFailure"> {
  readonly list: ServerList;
}

/** For so long a server that failed is tried after the others. */
const SERVER_PAUSE_MS = 30_000;
const MAX_WAITING_SEARCHES = 256;

/** All servers of one directory, for runs that each want one of them. */
export class ServerChoice {
  readonly #options: ServerChoiceOptions;
  readonly #turns: Semaphore;
  /** By url. */
  readonly #known = new Map<string, DirectoryServer>();
  readonly #pausedUntil = new WeakMap<DirectoryServer, number>();
  /** No run gets these any more; those that are on them may go on. */
  readonly #retired = new Set<DirectoryServer>();
  readonly #closing = new AbortController();

  constructor(options: ServerChoiceOptions) {
    this.#options = options;
    this.#turns = new Semaphore({
      permits: options.settings.maxConnections,
      maxWaiting: MAX_WAITING_SEARCHES,
    });
  }

  /**
   * The first server that has or takes a connection; those that failed lately are asked last. A refused bind ends the
   * attempt: the other servers know the same account, and each further try brings it nearer to its lockout.
   * @param only url of the only one that will do
   * @throws AgentError as `openConnection`; `directory.unreachable` when there is no such server
   */
  async pick(only: string | undefined): Promise<DirectoryServer> {
    const { list } = this.#options;
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const failures: AgentError[] = [];
    const tried = new Set<string>();
    for (const servers of [() => list.current(signal), () => list.renewed(signal)]) {
      const wanted = (await servers()).filter(({ url }) => only === undefined || url === only);
      for (const server of this.#inOrder(wanted.filter(({ url }) => !tried.has(url)))) {
        tried.add(server.server.url);
        const opened = await this.#open(server, failures);
        if (opened !== undefined) return opened;
      }
    }
    throw combined(failures, only);
  }

  /** Ends every connection; what still runs fails, and what comes later. */
  async close(): Promise<void> {
    const reason = new AgentError("directory.unreachable", "the directory was closed");
    this.#closing.abort(reason);
    this.#turns.rejectWaiting(reason);
    const all = [...this.#known.values(), ...this.#retired];
    await Promise.all(all.map((server) => server.close(reason)));
  }

  async #open(
    server: DirectoryServer,
    failures: AgentError[],
  ): Promise<DirectoryServer | undefined> {
    const { signal } = this.#closing;
    // A name that has led somewhere may lead to another server by now, if that one is gone.
    const attempts = server.address === undefined || isIP(server.server.host) !== 0 ? 1 : 2;
    for (let attempt = 1; ; attempt++) {
      const candidate = attempt === 1 ? server : this.#of(server.server);
      try {
        await candidate.open(signal);
        this.#pausedUntil.delete(candidate);
        return candidate;
      } catch (error) {
        if (signal.aborted || !(error instanceof AgentError)) throw error;
        if (error.code === "directory.denied") throw error;
        if (attempt < attempts) continue;
        failures.push(error);
        return undefined;
      }
    }
  }

  #inOrder(servers: readonly Server[]): readonly DirectoryServer[] {
    const now = this.#options.clock.now();
    const known = servers.map((server) => this.#of(server));
    const paused = (server: DirectoryServer): boolean => (this.#pausedUntil.get(server) ?? 0) > now;
    return [
      ...known.filter((server) => !paused(server)),
      ...known.filter((server) => paused(server)),
    ];
  }

  #of(server: Server): DirectoryServer {
    const known = this.#known.get(server.url);
    if (known !== undefined) return known;
    const made = new DirectoryServer(server, {
      ...this.#options,
      turns: this.#turns,
      onFailure: (error, { isGone }) => {
        if (this.#closing.signal.aborted) return;
        this.#options.log.warn("directory.unreachable", {
          server: server.url,
          reason: error.message,
        });
        if (isGone) this.#retire(made);
        const until = this.#options.clock.now() + SERVER_PAUSE_MS;
        this.#pausedUntil.set(this.#of(server), until);
      },
    });
    this.#known.set(server.url, made);
    return made;
  }

  /** Whoever comes next asks anew where the name leads. */
  #retire(server: DirectoryServer): void {
    const { url } = server.server;
    if (server.address === undefined || this.#known.get(url) !== server) return;
    this.#known.delete(url);
    for (const old of this.#retired) if (!old.connected) this.#retired.delete(old);
    this.#retired.add(server);
  }
}

/** The first failure says what is wrong with the preferred server; the others are told in its message. */
function combined(failures: readonly AgentError[], only: string | undefined): AgentError {
  const [first, ...others] = failures;
  if (first === undefined) {
    return new AgentError("directory.unreachable", `${only} is no server of this directory`);
  }
  if (others.length === 0) return first;
  // As long as one of them may come back, a retry is of use.
  const code = failures.find((failure) => failure.retryable)?.code ?? first.code;
  return new AgentError(code, failures.map((failure) => failure.message).join("; "), {
    cause: first,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
  });
}
