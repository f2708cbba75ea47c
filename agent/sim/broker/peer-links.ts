import type { Right } from "./access-rule.ts";
import { addressPath } from "./address.ts";
import type { Consumer } from "./consumer.ts";
import type { Producer } from "./producer.ts";
import type { Refusal } from "./refusal.ts";
import type { AmqpLink, AmqpSession } from "./rhea-types.ts";

/** What a peer is on a link. */
export type LinkRole = "sender" | "receiver";

/** The right that a link to a queue needs. */
export const CLAIMS: Readonly<Record<LinkRole, Right>> = { sender: "Send", receiver: "Listen" };

/** Some of the links of a broker; what is left out may be anything. */
export interface LinkFilter {
  /** Number of the connection. */
  readonly connection?: number;
  /** As an address names it, without regard to case. */
  readonly queue?: string;
  /** What the peer is on the link. */
  readonly role?: LinkRole;
}

/** A link as faults see it. */
export interface LinkView {
  readonly queue: string;
  readonly role: LinkRole;
}

export interface AttachedLink {
  readonly link: AmqpLink;
  readonly role: LinkRole;
  /** Undefined for `$cbs`, which needs no token. */
  readonly path: string | undefined;
  consumer: Consumer | undefined;
  producer: Producer | undefined;
  release: () => void;
}

/** The attached links of one connection. */
export class PeerLinks {
  readonly #links = new Map<AmqpLink, AttachedLink>();

  keep(link: AmqpLink, role: LinkRole, path: string | undefined): AttachedLink {
    const attached: AttachedLink = {
      ...{ link, role, path, release: () => undefined },
      ...{ consumer: undefined, producer: undefined },
    };
    this.#links.set(link, attached);
    return attached;
  }

  /** The link is gone. */
  release(link: AmqpLink): void {
    const attached = this.#links.get(link);
    if (attached === undefined) return;
    this.#links.delete(attached.link);
    attached.consumer?.release();
    attached.release();
  }

  releaseAll(): void {
    for (const link of [...this.#links.keys()]) this.release(link);
  }

  /** What the peer sent on it before it hears of this is not looked at. */
  detach(link: AmqpLink, error: Refusal): void {
    const attached = this.#links.get(link);
    if (attached === undefined) return;
    attached.consumer?.close();
    attached.producer?.close();
    link.close({ ...error });
    this.release(link);
  }

  /** Detaches the links that are no longer allowed. */
  detachUnless(allowed: (path: string, role: LinkRole) => boolean, error: LinkError): void {
    for (const { link, path, role } of this.#links.values()) {
      if (path !== undefined && !allowed(path, role)) this.detach(link, error(path, role));
    }
  }

  /** The peer may have made room. */
  flow(session?: AmqpSession): void {
    for (const { link, consumer } of this.#links.values()) {
      if (session === undefined || link.session === session) consumer?.flow();
    }
  }

  /** The links to queues and their `$management`. */
  select({ queue, role }: Omit<LinkFilter, "connection">): (LinkView & { link: AmqpLink })[] {
    const wanted = queue === undefined ? undefined : addressPath(queue);
    const selected: (LinkView & { link: AmqpLink })[] = [];
    for (const attached of this.#links.values()) {
      const { link, path } = attached;
      if (path === undefined || (wanted !== undefined && wanted !== path)) continue;
      if (role === undefined || role === attached.role) {
        selected.push({ queue: path, role: attached.role, link });
      }
    }
    return selected;
  }
}

type LinkError = (path: string, role: LinkRole) => Refusal;
