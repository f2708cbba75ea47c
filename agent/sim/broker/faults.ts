import type { Fault, RandomFaults } from "./fault.ts";
import type { ArmedFault, FaultCount, FaultPlan } from "./fault-plan.ts";
import type { Peer } from "./peer.ts";
import type { LinkFilter, LinkView } from "./peer-links.ts";
import { LINK_DETACH_FORCED, type Refusal } from "./refusal.ts";

export interface ConnectionView {
  /** Its number, from 1 as connections came. */
  readonly connection: number;
  readonly links: readonly LinkView[];
}

/**
 * What tests can do to a running broker. A filter without anything in it means all.
 * @example
 * // The third answer is stored, but its sender never hears of it.
 * broker.faults.arm({ at: { event: "outcomeOut", queue: "replies", nth: 3 }, action: { kind: "kill" } });
 */
export interface BrokerFaults {
  /** @throws AgentError `usage` when the action is not possible at this point, or a number makes no sense */
  arm(fault: Fault): ArmedFault;
  /** @throws AgentError `usage` */
  random(options: RandomFaults): ArmedFault;
  /** How often what struck where since the broker started. */
  counts(): FaultCount[];
  /** Disarms all that is armed, and thaws what is frozen. */
  clear(): void;
  /** Cuts the connections that have such a link. @returns how many they were, as do all below */
  kill(filter?: LinkFilter): number;
  /** Freezes the connections that have such a link, for `ms` or until `thaw()`. New ones are not frozen. */
  freeze(filter?: LinkFilter, options?: { readonly ms?: number }): number;
  thaw(): number;
  /** Detaches links, with `amqp:link:detach-forced` unless another error is given. */
  detach(filter?: LinkFilter, error?: Refusal): number;
  connections(): ConnectionView[];
}

/** The faults of one broker. */
export class Faults implements BrokerFaults {
  readonly #plan: FaultPlan;
  readonly #peers: ReadonlySet<Peer>;

  constructor(plan: FaultPlan, peers: ReadonlySet<Peer>) {
    this.#plan = plan;
    this.#peers = peers;
  }

  arm(fault: Fault): ArmedFault {
    return this.#plan.arm(fault);
  }

  random(options: RandomFaults): ArmedFault {
    return this.#plan.random(options);
  }

  counts(): FaultCount[] {
    return this.#plan.counts();
  }

  clear(): void {
    this.#plan.clear();
    this.thaw();
  }

  kill(filter: LinkFilter = {}): number {
    const peers = this.#having(filter);
    for (const peer of peers) peer.cut();
    return peers.length;
  }

  freeze(filter: LinkFilter = {}, { ms }: { readonly ms?: number } = {}): number {
    const peers = this.#having(filter);
    for (const peer of peers) peer.freeze(ms);
    return peers.length;
  }

  thaw(): number {
    return [...this.#peers].filter((peer) => peer.thaw()).length;
  }

  detach(filter: LinkFilter = {}, error: Refusal = LINK_DETACH_FORCED): number {
    return [...this.#peers].reduce((sum, peer) => sum + peer.detach(filter, error), 0);
  }

  connections(): ConnectionView[] {
    return [...this.#peers].map((peer) => ({ connection: peer.number, links: peer.views() }));
  }

  #having(filter: LinkFilter): Peer[] {
    return [...this.#peers].filter((peer) => peer.has(filter));
  }
}
