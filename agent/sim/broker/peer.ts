import type { Duplex } from "node:stream";
import { Access } from "./access.ts";
import type { AccessRule } from "./access-rule.ts";
import { addressPath } from "./address.ts";
import { FaultGate } from "./fault-gate.ts";
import type { FaultPlan } from "./fault-plan.ts";
import { Incoming } from "./incoming.ts";
import { LinkDesk, type LinkDeskOptions } from "./link-desk.ts";
import { CLAIMS, type LinkFilter, type LinkRole, type LinkView, PeerLinks } from "./peer-links.ts";
import {
  INTERNAL_ERROR,
  NO_TOKEN,
  type Refusal,
  TOO_MANY_LINKS,
  TOO_MANY_SESSIONS,
  TRANSACTIONS_NOT_SUPPORTED,
  tokenExpired,
} from "./refusal.ts";
import {
  CHANNEL_MAX,
  createConnection,
  haltInput,
  holdOpen,
  ignoreInput,
  resumeInput,
} from "./rhea-connection.ts";
import { addressOf, FAULT, refuseLink } from "./rhea-link.ts";
import { prepareSession, wantsCoordinator } from "./rhea-session.ts";
import type { AmqpConnection, AmqpLink, EventContext } from "./rhea-types.ts";
import { saslMechanisms } from "./sasl.ts";

/** What a peer sees of the broker. */
export interface PeerOptions extends LinkDeskOptions {
  /** Number of the connection, from 1 as they come. */
  readonly number: number;
  readonly plan: FaultPlan;
  /** Cuts every connection of the broker. */
  readonly cutAll: () => void;
  readonly containerId: string;
  /** A connection that is not open after this long, or has no token, is closed, as the service does. */
  readonly authenticationMs: number;
  /** A fault of the broker itself, not of the peer. */
  readonly failed: (error: unknown) => void;
}

/** How long a peer may take to answer our close. */
const CLOSE_MS = 5_000;
/** Links that have come and not gone, the refused ones included. */
const MAX_LINKS = 5_000;

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

/** One connection: what it may do, its links, and what becomes of them when it goes. */
export class Peer {
  readonly #options: PeerOptions;
  readonly #socket: Duplex;
  readonly #connection: AmqpConnection;
  readonly #access = new Access();
  readonly #links = new PeerLinks();
  readonly #incoming: Incoming;
  readonly #gate: FaultGate;
  readonly #desk: LinkDesk;
  readonly #deadline: NodeJS.Timeout;
  #opened = false;
  #closing = false;
  #sessions = 0;
  #attaches = 0;

  constructor(socket: Duplex, options: PeerOptions, closed: () => void) {
    this.#options = options;
    this.#socket = socket;
    this.#incoming = new Incoming(options.maxMessageBytes);
    this.#connection = createConnection(socket, {
      containerId: options.containerId,
      mechanisms: saslMechanisms(options.rules, (rule) => this.#grantRule(rule)),
    });
    this.#gate = new FaultGate({
      plan: options.plan,
      connection: options.number,
      wire: {
        cut: () => this.cut(),
        cutAll: () => {
          options.cutAll();
          this.cut();
        },
        freeze: () => {
          haltInput(this.#connection);
          socket.pause();
          socket.cork();
        },
        thaw: () => {
          resumeInput(this.#connection);
          socket.uncork();
          socket.resume();
        },
        guard: (work) => this.#guard(work),
      },
    });
    this.#desk = new LinkDesk(options, {
      access: this.#access,
      links: this.#links,
      gate: this.#gate,
    });
    this.#listen();
    this.#deadline = setTimeout(() => this.#checkAuthenticated(), options.authenticationMs);
    this.#deadline.unref();
    // rhea hears only of an orderly end: a crashed peer, or our own destroy(), shows up here alone.
    socket.on("close", () => {
      clearTimeout(this.#deadline);
      this.#gate.shut();
      this.#connection._disconnected();
      this.#links.releaseAll();
      closed();
    });
    socket.on("drain", () => this.#links.flow());
    const accept = (): void => this.#connection.accept(socket);
    if (this.#gate.quiet) accept();
    else this.#gate.pass({ event: "connect" }, { go: accept, refuse: () => this.cut() });
  }

  /** Cuts the connection; what of its input was not looked at yet never will be. */
  cut(): void {
    this.#gate.shut();
    haltInput(this.#connection);
    this.#socket.destroy();
  }

  freeze(ms?: number): void {
    this.#gate.freeze(ms);
  }

  /** False when it was not frozen. */
  thaw(): boolean {
    return this.#gate.thaw();
  }

  get number(): number {
    return this.#options.number;
  }

  /** The links to queues and their `$management`. */
  views(): LinkView[] {
    return this.#links.select({}).map(({ queue, role }) => ({ queue, role }));
  }

  has({ connection, ...filter }: LinkFilter): boolean {
    if (connection !== undefined && connection !== this.number) return false;
    const all = filter.queue === undefined && filter.role === undefined;
    return all || this.#links.select(filter).length > 0;
  }

  /** Detaches these links, and says how many they were. */
  detach(filter: LinkFilter, error: Refusal): number {
    if (!this.has(filter)) return 0;
    const selected = this.#links.select(filter);
    for (const { link } of selected) this.#links.detach(link, error);
    return selected.length;
  }

  /** Detaches links whose token has expired and was not renewed. */
  sweep(): void {
    if (!this.#access.expire(this.#options.now())) return;
    this.#links.detachUnless(
      (path, role) => this.#desk.allows(path, role),
      (path, role) => tokenExpired(CLAIMS[role], path),
    );
  }

  /** After SASL PLAIN: for as long as the connection lives. */
  #grantRule({ rights, queue }: AccessRule): void {
    this.#access.grant({ path: queue ?? "", rights, expiresAt: Number.POSITIVE_INFINITY });
  }

  #checkAuthenticated(): void {
    if (!this.#opened) this.cut();
    else if (!this.#access.authenticated) this.#close(NO_TOKEN);
  }

  #close(error: Refusal): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#connection.close({ ...error });
    setTimeout(() => this.cut(), CLOSE_MS).unref();
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
    this.#close(INTERNAL_ERROR);
  }

  #listen(): void {
    for (const event of EXPECTED_EVENTS) this.#connection.on(event, () => undefined);
    holdOpen(this.#connection, (open) => this.#answerOpen(open));
    this.#connection.on(FAULT, (error: unknown) => this.#fail(error));
    this.#on("session_open", ({ session }) => {
      if (session === undefined) return;
      this.#sessions += 1;
      if (this.#sessions > CHANNEL_MAX + 1) this.#close(TOO_MANY_SESSIONS);
      prepareSession(session, {
        incoming: this.#incoming,
        onFlow: () => this.#guard(() => this.#links.flow(session)),
      });
    });
    this.#on("session_close", ({ session }) => {
      if (session === undefined) return;
      this.#sessions -= 1;
      for (const link of Object.values(session.links)) this.#gone(link);
    });
    this.#on("receiver_open", ({ receiver }) => {
      if (receiver === undefined) return;
      const address = addressOf(receiver.target);
      this.#attach(receiver, { role: "sender", address }, () =>
        this.#desk.attachReceiver(receiver),
      );
    });
    this.#on("sender_open", ({ sender }) => {
      if (sender === undefined) return;
      const address = addressOf(sender.source);
      this.#attach(sender, { role: "receiver", address }, () => this.#desk.attachSender(sender));
    });
    this.#on("receiver_close", ({ receiver }) => this.#gone(receiver));
    this.#on("sender_close", ({ sender }) => this.#gone(sender));
  }

  #gone(link: AmqpLink | undefined): void {
    if (link === undefined) return;
    this.#attaches -= 1;
    this.#incoming.forget(link);
    this.#links.release(link);
  }

  #answerOpen(open: () => void): void {
    this.#opened = true;
    if (this.#gate.quiet) {
      open();
      return;
    }
    // What the peer sent behind its open has to wait for the answer.
    haltInput(this.#connection);
    this.#gate.pass(
      { event: "open" },
      {
        go: () => {
          open();
          resumeInput(this.#connection);
        },
        refuse: (error) => {
          open();
          this.#close(error);
          resumeInput(this.#connection);
        },
        skip: () => {
          clearTimeout(this.#deadline);
          ignoreInput(this.#connection);
        },
      },
    );
  }

  /** @param decide attaches the link, or says why it cannot be */
  #attach(
    link: AmqpLink,
    { role, address }: { readonly role: LinkRole; readonly address: string },
    decide: () => Refusal | undefined,
  ): void {
    this.#attaches += 1;
    const refused = this.#refusal(link);
    const go = (): void => {
      // The peer may have given it up while the answer was put off.
      if (!link.is_remote_open()) return;
      const error = refused ?? decide();
      if (error !== undefined) refuseLink(link, error);
    };
    if (this.#gate.quiet) {
      go();
      return;
    }
    this.#gate.pass(
      { event: "attach", queue: addressPath(address), role },
      {
        go,
        refuse: (error) => refuseLink(link, error),
        detach: (error) => {
          go();
          this.#links.detach(link, error);
        },
      },
    );
  }

  #refusal(link: AmqpLink): Refusal | undefined {
    if (wantsCoordinator(link.session)) return TRANSACTIONS_NOT_SUPPORTED;
    if (this.#attaches <= MAX_LINKS) return undefined;
    // A refused link stays until its peer gives it up, which one that floods us never does.
    this.#close(TOO_MANY_LINKS);
    return TOO_MANY_LINKS;
  }
}
