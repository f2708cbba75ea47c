import { randomUUID } from "node:crypto";
import type { Log } from "../ports.ts";
import { ReplySession, type ReplySessionOptions } from "./reply-session.ts";

/** Streams have a session of their own, so that a long listing never holds up a short answer. */
export type LaneName = "stream" | "short";

/** A session that somebody else has held for so long is left to those who wait for it, and new requests take another. */
const FRESH_SESSION_MS = 5_000;

/** A session, and how many requests wait for answers by it. */
export interface Lane {
  readonly session: ReplySession;
  readonly opened: Promise<void>;
  users: number;
}

export interface ReplyLanesOptions extends Omit<ReplySessionOptions, "sessionId"> {
  /** Takes what ends by itself, and tells of its failure. */
  readonly keepTrack: (work: Promise<unknown>) => void;
}

/** The sessions of a requester, each taken at its first use. */
export class ReplyLanes {
  readonly #options: ReplyLanesOptions;
  readonly #log: Log;
  readonly #lanes = new Map<LaneName, Lane>();
  readonly #retired = new Set<Lane>();

  constructor(options: ReplyLanesOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /**
   * The session for a request, to be given to `leave` afterwards.
   * @throws AgentError `bus.*` when it cannot be taken, or was lost for good: an answer could not come back
   */
  async enter(name: LaneName): Promise<Lane> {
    const lane = this.#lane(name);
    // At once, so that it is not closed while it is waited for.
    lane.users++;
    try {
      await lane.opened;
      const { problem } = lane.session;
      if (problem !== undefined && !problem.retryable) throw problem;
      return lane;
    } catch (error) {
      this.leave(lane);
      throw error;
    }
  }

  leave(lane: Lane): void {
    lane.users--;
    if (lane.users > 0 || !this.#retired.delete(lane)) return;
    this.#options.keepTrack(lane.session.close());
  }

  #lane(name: LaneName): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined && known.session.takenByOthersMs <= FRESH_SESSION_MS) return known;
    if (known !== undefined) {
      this.#log.warn("session.replaced", { lane: name });
      this.#retire(known);
    }
    const session = new ReplySession({
      ...this.#options,
      sessionId: `${name}-${randomUUID()}`,
      log: this.#log.child({ lane: name }),
    });
    const lane: Lane = { session, opened: session.open(), users: 0 };
    this.#lanes.set(name, lane);
    lane.opened.catch(() => {
      // The next request tries again.
      if (this.#lanes.get(name) === lane) this.#lanes.delete(name);
      this.#retire(lane);
    });
    return lane;
  }

  /** Those who wait for it still get what it brings. */
  #retire(lane: Lane): void {
    if (lane.users > 0) this.#retired.add(lane);
    else this.#options.keepTrack(lane.session.close());
  }

  /** Gives the sessions back; `keepTrack` has the ends of it. */
  close(): void {
    for (const { session } of [...this.#lanes.values(), ...this.#retired]) {
      this.#options.keepTrack(session.close());
    }
    this.#lanes.clear();
    this.#retired.clear();
  }
}
