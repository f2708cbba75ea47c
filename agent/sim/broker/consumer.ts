import type { Dispatcher, QueueConsumer } from "./dispatcher.ts";
import { deliveryTag, lockTokenOfTag } from "./lock-token.ts";
import type { Delivery, ReceiveMode } from "./queue-contract.ts";
import { SESSION_LOCK_LOST } from "./refusal.ts";
import {
  answerDrain,
  confirmOutgoing,
  forgetOutgoing,
  type OutcomeKind,
  roomFor,
} from "./rhea-delivery.ts";
import { onLink } from "./rhea-link.ts";
import type { AmqpSender, EventContext, OutgoingDelivery } from "./rhea-types.ts";
import type { SessionLock } from "./sessions.ts";
import { settlementOf } from "./settlement.ts";

/** Nothing more is handed to a peer that does not read, once this many bytes wait in its socket. */
const MAX_SOCKET_BYTES = 4 * 1024 * 1024;
/** snd-settle-mode "settled" (part 2 section 2.8.2): the message is gone when it is sent. */
const SETTLED = 1;
const OUTCOMES: readonly OutcomeKind[] = ["accepted", "rejected", "released", "modified"];

/** A link on which a client receives from a queue, a dead-letter queue or one session. */
export class Consumer implements QueueConsumer {
  readonly mode: ReceiveMode;
  readonly session: SessionLock | undefined;
  readonly #link: AmqpSender;
  readonly #dispatcher: Dispatcher;
  #draining = false;
  #tag = 0;

  constructor(link: AmqpSender, dispatcher: Dispatcher, session: SessionLock | undefined) {
    this.#link = link;
    this.#dispatcher = dispatcher;
    this.session = session;
    this.mode = link.snd_settle_mode === SETTLED ? "receiveAndDelete" : "peekLock";
    for (const kind of OUTCOMES) {
      onLink(link, kind, (context) => this.#settle(kind, context));
    }
    // Settled by the peer without an outcome: the lock runs out by itself.
    onLink(link, "settled", (context) => {
      forgetOutgoing(context.delivery as OutgoingDelivery);
    });
    onLink(link, "sender_draining", () => {
      this.#draining = true;
      this.flow();
    });
    dispatcher.add(this);
  }

  room(): number {
    return this.#link.connection.socket.writableLength > MAX_SOCKET_BYTES ? 0 : roomFor(this.#link);
  }

  deliver(delivery: Delivery): void {
    const { lockToken } = delivery;
    this.#tag += 1;
    const tag = lockToken === undefined ? this.#plainTag() : deliveryTag(lockToken);
    this.#link.send(delivery.bytes, tag, 0);
  }

  /** The peer may have made room. */
  flow(): void {
    if (!this.#draining) {
      this.#dispatcher.wake();
      return;
    }
    this.#dispatcher.drain(this);
    this.#draining = !answerDrain(this.#link);
  }

  sessionLost(): void {
    this.#link.close({ ...SESSION_LOCK_LOST });
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

  #settle(kind: OutcomeKind, context: EventContext): void {
    const delivery = context.delivery as OutgoingDelivery;
    const outcome = delivery.remote_state;
    if (outcome === undefined) return;
    const settlement = settlementOf(kind, outcome);
    const refused = this.#dispatcher.queue.settle(lockTokenOfTag(delivery.tag), settlement);
    confirmOutgoing(delivery, kind, refused);
  }
}
