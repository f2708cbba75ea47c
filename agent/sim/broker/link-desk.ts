import type { Access } from "./access.ts";
import { type AccessRule, rightOf } from "./access-rule.ts";
import { type Address, parseAddress } from "./address.ts";
import { putToken } from "./cbs.ts";
import { Consumer } from "./consumer.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { FaultGate } from "./fault-gate.ts";
import { manage } from "./management.ts";
import { CLAIMS, type LinkRole, type PeerLinks } from "./peer-links.ts";
import { Producer } from "./producer.ts";
import { isDisabled } from "./queue-contract.ts";
import {
  DEAD_LETTER_NOT_WRITABLE,
  entityDisabled,
  entityNotFound,
  type Refusal,
  SESSION_NOT_SUPPORTED,
  SESSION_REQUIRED,
  unauthorized,
} from "./refusal.ts";
import { CBS_NAMES, MANAGEMENT_NAMES } from "./request.ts";
import { RequestNode, refusedResponse } from "./request-node.ts";
import { addressOf, openLink } from "./rhea-link.ts";
import type { AmqpReceiver, AmqpSender } from "./rhea-types.ts";
import { attachSession, sessionFilter } from "./session-link.ts";
import type { SessionLock } from "./sessions.ts";

/** What the links of a connection are attached to. */
export interface LinkDeskOptions {
  /** Name of the connection within the broker; owns the locks of sessions. */
  readonly id: string;
  readonly rules: readonly AccessRule[];
  /** Verifies tokens of type `jwt`; undefined when all of them are refused. */
  readonly jwtKey: string | undefined;
  readonly maxMessageBytes: number;
  readonly now: () => number;
  /** The dispatcher of a queue (lower case), or of its dead-letter queue. */
  readonly find: (queue: string, deadLetter: boolean) => Dispatcher | undefined;
}

interface ConnectionParts {
  readonly access: Access;
  readonly links: PeerLinks;
  readonly gate: FaultGate;
}

const CBS = "$cbs";
const MANAGEMENT = "/$management";

/** Attaches the links of one connection to what their addresses name, or says why they cannot be. */
export class LinkDesk {
  readonly #options: LinkDeskOptions;
  readonly #access: Access;
  readonly #links: PeerLinks;
  readonly #gate: FaultGate;
  readonly #nodes = new Map<string, RequestNode>();

  constructor(options: LinkDeskOptions, { access, links, gate }: ConnectionParts) {
    this.#options = options;
    this.#access = access;
    this.#links = links;
    this.#gate = gate;
  }

  /** A link to `$management` may be there with any right; which one a request needs is said by its operation. */
  allows(path: string, role: LinkRole): boolean {
    const now = this.#options.now();
    return parseAddress(path).management
      ? this.#access.allowsSome(path, now)
      : this.#access.allows(path, CLAIMS[role], now);
  }

  /** The peer wants to send. */
  attachReceiver(link: AmqpReceiver): Refusal | undefined {
    const address = parseAddress(addressOf(link.target));
    const { maxMessageBytes, find } = this.#options;
    const refused = this.#refusal(address, "sender");
    if (refused !== undefined) return refused;
    if (address.path === CBS || address.management) {
      this.#links.keep(link, "sender", pathOf(address));
      this.#node(address).attachRequests(link, maxMessageBytes);
      return undefined;
    }
    const queue = find(address.queue, false)?.queue;
    if (address.deadLetter || queue === undefined) return DEAD_LETTER_NOT_WRITABLE;
    if (isDisabled(queue.properties, "send")) return entityDisabled(queue.name);
    const attached = this.#links.keep(link, "sender", address.path);
    attached.producer = new Producer(link, {
      queue,
      path: address.path,
      maxMessageBytes,
      gate: this.#gate,
      detach: (error) => this.#links.detach(link, error),
    });
    return undefined;
  }

  /** The peer wants to receive. */
  attachSender(link: AmqpSender): Refusal | undefined {
    const address = parseAddress(addressOf(link.source));
    const refused = this.#refusal(address, "receiver");
    if (refused !== undefined) return refused;
    if (address.path === CBS || address.management) {
      const attached = this.#links.keep(link, "receiver", pathOf(address));
      attached.release = this.#node(address).attachReplies(link);
      return undefined;
    }
    const dispatcher = this.#options.find(address.queue, address.deadLetter);
    if (dispatcher === undefined) return entityNotFound(address.path);
    return this.#attachConsumer(link, address.path, dispatcher);
  }

  #attachConsumer(link: AmqpSender, path: string, dispatcher: Dispatcher): Refusal | undefined {
    const filter = sessionFilter(link);
    const { name, properties } = dispatcher.queue;
    const { requiresSession } = properties;
    if (isDisabled(properties, "receive")) return entityDisabled(name);
    if (requiresSession && filter === undefined) return SESSION_REQUIRED;
    if (!requiresSession && filter !== undefined) return SESSION_NOT_SUPPORTED;
    const attached = this.#links.keep(link, "receiver", path);
    const consume = (session?: SessionLock): void => {
      attached.consumer = new Consumer(link, {
        dispatcher,
        path,
        gate: this.#gate,
        detach: (error) => this.#links.detach(link, error),
        ...(session === undefined ? {} : { session }),
      });
    };
    if (filter === undefined) {
      openLink(link);
      consume();
      return undefined;
    }
    const owner = this.#options.id;
    attached.release = attachSession(link, { dispatcher, owner, filter, opened: consume });
    return undefined;
  }

  /** Why this link cannot be, whatever it is for. */
  #refusal(address: Address, role: LinkRole): Refusal | undefined {
    if (address.path === CBS) return undefined;
    if (!this.allows(address.path, role)) return unauthorized(CLAIMS[role], address.path);
    return this.#options.find(address.queue, address.deadLetter) === undefined
      ? entityNotFound(address.path)
      : undefined;
  }

  #node(address: Address): RequestNode {
    const known = this.#nodes.get(address.path);
    if (known !== undefined) return known;
    const node = address.path === CBS ? this.#cbs() : this.#management(address);
    this.#nodes.set(address.path, node);
    return node;
  }

  #cbs(): RequestNode {
    const { rules, jwtKey, now, find } = this.#options;
    const exists = (queue: string): boolean => find(queue, false) !== undefined;
    return new RequestNode({
      names: CBS_NAMES,
      gate: this.#gate,
      events: { before: "putToken" },
      answer: (request) => putToken(request, { rules, jwtKey, access: this.#access, exists, now }),
    });
  }

  #management(address: Address): RequestNode {
    const { id: owner, maxMessageBytes, find, now } = this.#options;
    return new RequestNode({
      names: MANAGEMENT_NAMES,
      gate: this.#gate,
      events: { before: "management", after: "managementOut" },
      queue: address.path.slice(0, -MANAGEMENT.length),
      answer: (request) => {
        const queue = find(address.queue, address.deadLetter)?.queue;
        if (queue === undefined) return { status: 404, description: "The entity is gone." };
        const right = rightOf(request.operation);
        if (!this.#access.allows(address.path, right, now())) {
          return refusedResponse(unauthorized(right, address.path));
        }
        return manage(request, { queue, owner, maxMessageBytes });
      },
    });
  }
}

function pathOf({ path }: Address): string | undefined {
  return path === CBS ? undefined : path;
}
