import type { Dispatcher, QueueConsumer } from "./dispatcher.ts";
import type { FaultGate, Step } from "./fault-gate.ts";
import { deliveryTag, lockTokenOfTag } from "./lock-token.ts";
import type { Delivery, ReceiveMode } from "./queue-contract.ts";
import { type Refusal, SESSION_LOCK_LOST } from "./refusal.ts";
import {
  answerDrain,
  confirmOutgoing,
  forgetOutgoing,
  type OutcomeKind,
  roomFor,
} from "./rhea-delivery.ts";
import { onLink } from "./rhea-link.ts";
import type { AmqpSender, EventContext, Outcome, OutgoingDelivery } from "./rhea-types.ts";
import type { SessionLock } from "./sessions.ts";
import { settlementOf } from "./settlement.ts";

/** Nothing more is handed to a peer that does not read, once this many bytes wait in its socket. */
const MAX_SOCKET_BYTES = 4 * 1024 * 1024;
/** snd-settle-mode "settled" (part 2 section 2.8.2): the message is gone when it is sent. */
const SETTLED = 1;
const OUTCOMES: readonly OutcomeKind[] = ["accepted", "rejected", "released", "modified"];

interface ConsumerOptions {
  readonly dispatcher: Dispatcher;
  /** The queue or dead-letter queue in lower case. */
  readonly path: string;
  readonly session?: SessionLock;
  readonly gate: FaultGate;
  readonly detach: (error: Refusal) => void;
}

/** A link on which a client receives from a queue, a dead-letter queue or one session. */
export class Consumer implements QueueConsumer {
  readonly mode: ReceiveMode;
  readonly session: SessionLock | undefined;
  readonly #link: AmqpSender;
  readonly #dispatcher: Dispatcher;
  readonly #options: ConsumerOptions;
  #draining = false;
  #closed = false;
  #tag = 0;
  /** Messages that a fault keeps from being written. */
  #kept = 0;

  constructor(link: AmqpSender, options: ConsumerOptions) {
    this.#link = link;
    this.#options = options;
    this.#dispatcher = options.dispatcher;
    this.session = options.session;
    this.mode = link.snd_settle_mode === SETTLED ? "receiveAndDelete" : "peekLock";
    for (const kind of OUTCOMES) {
      onLink(link, kind, (context) => this.#arrive(kind, context));
    }
    // Settled by the peer without an outcome: the lock runs out by itself.
    onLink(link, "settled", (context) => {
      forgetOutgoing(context.delivery as OutgoingDelivery);
    });
    onLink(link, "sender_draining", () => {
      this.#draining = true;
      this.flow();
    });
    this.#dispatcher.add(this);
  }

  room(): number {
    if (this.#link.connection.socket.writableLength > MAX_SOCKET_BYTES) return 0;
    return roomFor(this.#link) - this.#kept;
  }

  deliver(delivery: Delivery): void {
    const { gate, path, detach } = this.#options;
    if (gate.quiet) {
      this.#write(delivery);
      return;
    }
    this.#kept += 1;
    const go = (): void => {
      this.#kept -= 1;
      if (this.#closed) return;
      // Meanwhile the peer may have taken its credit back, and a message without credit stops the session.
      if (roomFor(this.#link) > 0) this.#writeWatched(delivery);
      else this.#giveBack(delivery);
      if (this.#draining) this.flow();
    };
    gate.pass(
      { event: "delivery", queue: path, role: "receiver" },
      {
        go,
        detach,
        skip: () => {
          this.#kept -= 1;
        },
        loseLock: () => {
          go();
          this.#loseLock(delivery.lockToken);
        },
      },
    );
  }

  #writeWatched(delivery: Delivery): void {
    const { gate, path, detach } = this.#options;
    this.#write(delivery);
    // rhea writes it at the end of this turn, by a tick that was asked for before this one.
    process.nextTick(() => {
      if (gate.quiet || this.#closed) return;
      gate.pass(
        { event: "delivered", queue: path, role: "receiver" },
        { go: () => undefined, detach, loseLock: () => this.#loseLock(delivery.lockToken) },
      );
    });
  }

  #write(delivery: Delivery): void {
    const { lockToken } = delivery;
    this.#tag += 1;
    const tag = lockToken === undefined ? this.#plainTag() : deliveryTag(lockToken);
    this.#link.send(delivery.bytes, tag, 0);
  }

  #giveBack({ lockToken }: Delivery): void {
    if (lockToken !== undefined) this.#dispatcher.queue.settle(lockToken, { kind: "release" });
  }

  /** As if it had expired; with it goes the lock of a session. */
  #loseLock(lockToken: string | undefined): void {
    const { queue } = this.#dispatcher;
    if (lockToken !== undefined) queue.settle(lockToken, { kind: "abandon", properties: [] });
    if (this.session === undefined) return;
    queue.releaseSession(this.session);
    this.sessionLost();
  }

  /** The peer may have made room. */
  flow(): void {
    if (!this.#draining) {
      this.#dispatcher.wake();
      return;
    }
    this.#dispatcher.drain(this);
    this.#draining = this.#kept > 0 || !answerDrain(this.#link);
  }

  sessionLost(): void {
    this.#link.close({ ...SESSION_LOCK_LOST });
  }

  /** Outcomes that were on their way when we detached the link are not looked at. */
  close(): void {
    this.#closed = true;
  }

  /** The link is gone. Locks of single messages stay until they expire, a session is given back. */
  release(): void {
    this.#dispatcher.remove(this);
    if (this.session !== undefined) this.#dispatcher.queue.releaseSession(this.session);
  }

  #plainTag(): Buffer {
    const tag = Buffer.alloc(4);
    tag.writeUInt32BE(this.#tag >>> 0);
    return tag;
  }

  #arrive(kind: OutcomeKind, context: EventContext): void {
    const delivery = context.delivery as OutgoingDelivery;
    if (this.#closed || delivery.remote_state === undefined) return;
    const outcome = delivery.remote_state;
    const { gate, path } = this.#options;
    if (gate.quiet) {
      this.#settle(delivery, kind, outcome);
      return;
    }
    gate.pass(
      { event: "dispositionIn", queue: path, role: "receiver", operation: kind },
      {
        ...this.#otherwise(delivery, kind),
        go: () => this.#settle(delivery, kind, outcome),
        loseLock: () => {
          this.#loseLock(lockTokenOfTag(delivery.tag));
          this.#settle(delivery, kind, outcome);
        },
      },
    );
  }

  #settle(delivery: OutgoingDelivery, kind: OutcomeKind, outcome: Outcome): void {
    const settlement = settlementOf(kind, outcome);
    const refused = this.#dispatcher.queue.settle(lockTokenOfTag(delivery.tag), settlement);
    const { gate, path } = this.#options;
    if (gate.quiet || refused !== undefined) {
      confirmOutgoing(delivery, kind, refused);
      return;
    }
    gate.pass(
      { event: "settledOut", queue: path, role: "receiver", operation: kind },
      {
        ...this.#otherwise(delivery, kind),
        go: () => confirmOutgoing(delivery, kind, undefined),
      },
    );
  }

  #otherwise(delivery: OutgoingDelivery, kind: OutcomeKind): Omit<Step, "go"> {
    return {
      refuse: (error) => confirmOutgoing(delivery, kind, error),
      skip: () => forgetOutgoing(delivery),
      detach: this.#options.detach,
    };
  }
}
