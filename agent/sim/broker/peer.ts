import type { Socket } from "node:net";
import { Access } from "./access.ts";
import { type Address, parseAddress } from "./address.ts";
import { putToken } from "./cbs.ts";
import { Consumer } from "./consumer.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { manage } from "./management.ts";
import { attachProducer } from "./producer.ts";
import {
  DEAD_LETTER_NOT_WRITABLE,
  entityNotFound,
  INTERNAL_ERROR,
  type Refusal,
  SESSION_NOT_SUPPORTED,
  SESSION_REQUIRED,
  TOO_MANY_LINKS,
  TRANSACTIONS_NOT_SUPPORTED,
  tokenExpired,
  unauthorized,
} from "./refusal.ts";
import { CBS_NAMES, MANAGEMENT_NAMES } from "./request.ts";
import { RequestNode } from "./request-node.ts";
import { createConnection } from "./rhea-connection.ts";
import { FAULT, openLink, refuseLink } from "./rhea-link.ts";
import { prepareSession, wantsCoordinator } from "./rhea-session.ts";
import type {
  AmqpConnection,
  AmqpLink,
  AmqpReceiver,
  AmqpSender,
  AmqpSession,
  EventContext,
} from "./rhea-types.ts";
import type { AccessRule } from "./sas.ts";
import { saslMechanisms } from "./sasl.ts";
import { attachSession, sessionFilter } from "./session-link.ts";

/** What a peer sees of the broker. */
export interface PeerOptions {
  /** Name of this connection within the broker; owns the locks of sessions. */
  readonly id: string;
  readonly containerId: string;
  readonly rules: readonly AccessRule[];
  readonly maxMessageBytes: number;
  readonly now: () => number;
  /** The dispatcher of a queue (lower case), or of its dead-letter queue. */
  readonly find: (queue: string, deadLetter: boolean) => Dispatcher | undefined;
  /** A fault of the broker itself, not of the peer. */
  readonly failed: (error: unknown) => void;
}

/** A connection without any token is closed after this long, as the service does. */
const AUTHENTICATION_MS = 20_000;
const MAX_LINKS = 5_000;
const CBS = "$cbs";

/** Events that rhea turns into an exception or a line on stderr when nobody listens. */
const EXPECTED_EVENTS = [
  "error",
  "protocol_error",
  "connection_error",
  "connection_close",
  "session_error",
  "sender_error",
  "receiver_error",
  "disconnected",
] as const;

interface AttachedLink {
  readonly link: AmqpLink;
  /** Undefined for `$cbs`, which needs no token. */
  readonly path: string | undefined;
  consumer: Consumer | undefined;
  release: () => void;
}

/** One connection: what it may do, its links, and what becomes of them when it goes. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #access = new Access();
  readonly #links = new Map<AmqpLink, AttachedLink>();
  readonly #nodes = new Map<string, RequestNode>();
  readonly #connection: AmqpConnection;
  readonly #socket: Socket;

  constructor(socket: Socket, options: PeerOptions, closed: () => void) {
    this.#options = options;
    this.#socket = socket;
    this.#connection = createConnection(socket, {
      containerId: options.containerId,
      mechanisms: saslMechanisms(options.rules, () => this.#access.grantEverything()),
    });
    this.#listen();
    const deadline = setTimeout(() => this.#checkAuthenticated(), AUTHENTICATION_MS);
    deadline.unref();
    // rhea hears only of an orderly end: a crashed peer, or our own destroy(), shows up here alone.
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#connection._disconnected();
      this.#releaseAll(() => true);
      closed();
    });
    socket.on("drain", () => this.#flow());
    socket.setNoDelay(true);
    this.#connection.accept(socket);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Detaches links whose token has expired and was not renewed. */
  sweep(): void {
    for (const { link, path } of this.#links.values()) {
      if (path === undefined || this.#access.allows(path, this.#options.now())) continue;
      link.close({ ...tokenExpired(path) });
      this.#release(link);
    }
  }

  #checkAuthenticated(): void {
    if (this.#access.authenticated) return;
    this.#connection.close({
      condition: "amqp:connection:forced",
      description: "The connection was inactive: no token was put in time.",
    });
  }

  #on(event: string, listener: (context: EventContext) => void): void {
    this.#connection.on(event, (context: EventContext) => {
      this.#guard(() => listener(context));
    });
  }

  /** A fault of ours costs this connection, not the process. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#options.failed(error);
    this.#connection.close({ ...INTERNAL_ERROR });
  }

  #listen(): void {
    for (const event of EXPECTED_EVENTS) this.#connection.on(event, () => undefined);
    this.#connection.on(FAULT, (error: unknown) => this.#fail(error));
    this.#on("session_open", ({ session }) => {
      if (session === undefined) return;
      prepareSession(session, {
        maxMessageBytes: this.#options.maxMessageBytes,
        onFlow: () => this.#guard(() => this.#flow(session)),
      });
    });
    this.#on("session_close", ({ session }) => {
      this.#releaseAll((link) => link.session === session);
    });
    this.#on("receiver_open", ({ receiver }) => {
      if (receiver !== undefined) this.#answer(receiver, this.#attachReceiver(receiver));
    });
    this.#on("sender_open", ({ sender }) => {
      if (sender !== undefined) this.#answer(sender, this.#attachSender(sender));
    });
    this.#on("receiver_close", ({ receiver }) => this.#release(receiver));
    this.#on("sender_close", ({ sender }) => this.#release(sender));
  }

  #answer(link: AmqpLink, refused: Refusal | undefined): void {
    if (refused !== undefined) refuseLink(link, refused);
  }

  #flow(session?: AmqpSession): void {
    for (const { link, consumer } of this.#links.values()) {
      if (session === undefined || link.session === session) consumer?.flow();
    }
  }

  #keep(
    link: AmqpLink,
    path: string | undefined,
    release: () => void = () => undefined,
  ): AttachedLink {
    const attached: AttachedLink = { link, path, consumer: undefined, release };
    this.#links.set(link, attached);
    return attached;
  }

  #release(link: AmqpLink | undefined): void {
    const attached = link === undefined ? undefined : this.#links.get(link);
    if (attached === undefined) return;
    this.#links.delete(attached.link);
    attached.consumer?.release();
    attached.release();
  }

  #releaseAll(selected: (link: AmqpLink) => boolean): void {
    for (const link of [...this.#links.keys()]) if (selected(link)) this.#release(link);
  }

  /** Why this link cannot be, whatever it is for. */
  #refusal(link: AmqpLink, address: Address, claim: string): Refusal | undefined {
    if (this.#links.size >= MAX_LINKS) return TOO_MANY_LINKS;
    if (wantsCoordinator(link.session)) return TRANSACTIONS_NOT_SUPPORTED;
    if (address.path === CBS) return undefined;
    if (!this.#access.allows(address.path, this.#options.now())) {
      return unauthorized(claim, address.path);
    }
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
    const { rules, now, find } = this.#options;
    const exists = (queue: string): boolean => find(queue, false) !== undefined;
    return new RequestNode({
      names: CBS_NAMES,
      answer: (request) => putToken(request, { rules, access: this.#access, exists, now }),
    });
  }

  #management(address: Address): RequestNode {
    const { id: owner, maxMessageBytes, find } = this.#options;
    return new RequestNode({
      names: MANAGEMENT_NAMES,
      answer: (request) => {
        const queue = find(address.queue, address.deadLetter)?.queue;
        if (queue === undefined) return { status: 404, description: "The entity is gone." };
        return manage(request, { queue, owner, maxMessageBytes });
      },
    });
  }

  /** The peer wants to send. */
  #attachReceiver(link: AmqpReceiver): Refusal | undefined {
    const address = parseAddress(link.target?.address ?? "");
    const { maxMessageBytes } = this.#options;
    const refused = this.#refusal(link, address, "Send");
    if (refused !== undefined) return refused;
    if (address.path === CBS || address.management) {
      this.#keep(link, address.path === CBS ? undefined : address.path);
      this.#node(address).attachRequests(link, maxMessageBytes);
      return undefined;
    }
    const queue = this.#options.find(address.queue, false)?.queue;
    if (address.deadLetter || queue === undefined) return DEAD_LETTER_NOT_WRITABLE;
    this.#keep(link, address.path);
    attachProducer(link, { queue, maxMessageBytes });
    return undefined;
  }

  /** The peer wants to receive. */
  #attachSender(link: AmqpSender): Refusal | undefined {
    const address = parseAddress(link.source?.address ?? "");
    const refused = this.#refusal(link, address, "Listen");
    if (refused !== undefined) return refused;
    if (address.path === CBS || address.management) {
      const path = address.path === CBS ? undefined : address.path;
      this.#keep(link, path, this.#node(address).attachReplies(link));
      return undefined;
    }
    const dispatcher = this.#options.find(address.queue, address.deadLetter);
    if (dispatcher === undefined) return entityNotFound(address.path);
    return this.#attachConsumer(link, address.path, dispatcher);
  }

  #attachConsumer(link: AmqpSender, path: string, dispatcher: Dispatcher): Refusal | undefined {
    const filter = sessionFilter(link);
    const { requiresSession } = dispatcher.queue.properties;
    if (requiresSession && filter === undefined) return SESSION_REQUIRED;
    if (!requiresSession && filter !== undefined) return SESSION_NOT_SUPPORTED;
    const attached = this.#keep(link, path);
    if (filter === undefined) {
      openLink(link);
      attached.consumer = new Consumer(link, dispatcher, undefined);
      return undefined;
    }
    attached.release = attachSession(link, {
      dispatcher,
      owner: this.#options.id,
      filter,
      opened: (consumer) => {
        attached.consumer = consumer;
      },
    });
    return undefined;
  }
}
