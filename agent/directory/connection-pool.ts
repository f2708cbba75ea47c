import { setMaxListeners } from "node:events";
import type { AgentError } from "../core/error.ts";
import type { LdapConnection } from "./connection.ts";
import type { Semaphore } from "./semaphore.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface ConnectionPoolOptions {
  readonly open: (signal: AbortSignal) => Promise<LdapConnection>;
  /** Whose turn it is to search; those who wait there are sent away by its owner. */
  readonly turns: Semaphore;
  /** After which a connection that nobody uses is closed: servers and firewalls do so without telling. */
  readonly idleTimeoutMs: number;
}

/** A connection, and whether it was there before: then it may have died without a word. */
export interface PooledConnection {
  readonly connection: LdapConnection;
  readonly reused: boolean;
}

export interface Lease extends PooledConnection {
  /** Gives it back for the next search. */
  release(): void;
  /** Closes it, for a search that did not end well. */
  drop(): void;
}

/**
 * Connections to one server: some for one paged search each, and a shared one for reads by DN. They are opened on
 * first use, and opened anew by whoever comes after one has ended.
 */
export class ConnectionPool {
  readonly #open: ConnectionPoolOptions["open"];
  readonly #turns: Semaphore;
  readonly #idleTimeoutMs: number;
  readonly #closing = new AbortController();
  readonly #idle = new Map<LdapConnection, NodeJS.Timeout>();
  readonly #all = new Set<LdapConnection>();
  /** Being closed: `close` waits for these too. */
  readonly #leaving = new Set<Promise<void>>();
  #shared: Promise<LdapConnection> | undefined;
  #sharedTimer: NodeJS.Timeout | undefined;

  constructor({ open, turns, idleTimeoutMs }: ConnectionPoolOptions) {
    this.#open = open;
    this.#turns = turns;
    this.#idleTimeoutMs = idleTimeoutMs;
    // Each connection that is being opened listens.
    setMaxListeners(0, this.#closing.signal);
  }

  /** @throws AgentError as `openConnection`, `directory.busy` (too many wait); the signal's reason */
  async lease(signal: AbortSignal, options: { readonly fresh?: boolean } = {}): Promise<Lease> {
    this.#checkOpen();
    const leave = await this.#turns.acquire(signal);
    try {
      const idle = options.fresh === true ? undefined : this.#takeIdle();
      const connection = idle ?? (await this.#opened(signal));
      return {
        connection,
        reused: idle !== undefined,
        release: () => {
          this.#keepIdle(connection);
          leave();
        },
        drop: () => {
          this.#leave(connection);
          leave();
        },
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * The connection that all may use at once. Opened once for everybody who waits: a caller that gives up does not
   * take it away from the others.
   * @throws AgentError as `openConnection`; the signal's reason
   */
  async shared(signal: AbortSignal): Promise<PooledConnection> {
    this.#checkOpen();
    signal.throwIfAborted();
    const reused = this.#shared !== undefined;
    this.#shared ??= this.#openShared();
    const connection = await unlessAborted(this.#shared, signal);
    this.#sharedTimer?.refresh();
    return { connection, reused };
  }

  /** Connections that are open. */
  get size(): number {
    return this.#all.size;
  }

  /** Ends every connection; searches that still run fail, and new ones with the reason. */
  async close(reason: AgentError): Promise<void> {
    this.#closing.abort(reason);
    for (const connection of [...this.#all]) this.#leave(connection);
    await Promise.all(this.#leaving);
  }

  #checkOpen(): void {
    this.#closing.signal.throwIfAborted();
  }

  async #openShared(): Promise<LdapConnection> {
    try {
      const connection = await this.#opened(this.#closing.signal);
      const timer = setInterval(() => {
        if (!connection.busy) this.#leave(connection);
      }, this.#idleTimeoutMs).unref();
      this.#sharedTimer = timer;
      connection.onEnd(() => {
        clearInterval(timer);
        this.#shared = undefined;
      });
      return connection;
    } catch (error) {
      this.#shared = undefined;
      throw error;
    }
  }

  async #opened(signal: AbortSignal): Promise<LdapConnection> {
    const attempt = new AbortController();
    const signals = new Set([signal, this.#closing.signal]);
    const listeners = Array.from(signals, (source) => {
      const onAbort = (): void => attempt.abort(source.reason);
      source.addEventListener("abort", onAbort);
      if (source.aborted) onAbort();
      return () => source.removeEventListener("abort", onAbort);
    });
    try {
      const connection = await this.#open(attempt.signal);
      if (this.#closing.signal.aborted) {
        await connection.close();
        this.#checkOpen();
      }
      this.#all.add(connection);
      connection.onEnd(() => {
        this.#all.delete(connection);
        this.#takeFromIdle(connection);
      });
      return connection;
    } finally {
      for (const unlisten of listeners) unlisten();
    }
  }

  /** The one used last: the others get old and are closed. */
  #takeIdle(): LdapConnection | undefined {
    const connection = [...this.#idle.keys()].at(-1);
    if (connection !== undefined) this.#takeFromIdle(connection);
    return connection;
  }

  #takeFromIdle(connection: LdapConnection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
  }

  #keepIdle(connection: LdapConnection): void {
    if (!connection.open) return;
    const timer = setTimeout(() => this.#leave(connection), this.#idleTimeoutMs).unref();
    this.#idle.set(connection, timer);
  }

  #leave(connection: LdapConnection): void {
    const left = connection.close().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}
