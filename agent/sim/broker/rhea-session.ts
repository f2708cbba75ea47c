import { DeliveryMap } from "./delivery-map.ts";
import type { Incoming } from "./incoming.ts";
import { MAX_FRAME_BYTES, SESSION_BUFFER } from "./rhea-connection.ts";
import { hold } from "./rhea-link.ts";
import type { AmqpReceiver, AmqpSession } from "./rhea-types.ts";

const TRANSFER_FRAME_OVERHEAD = 50;

export interface SessionHooks {
  readonly incoming: Incoming;
  /** The peer's window or credit may have grown. */
  readonly onFlow: () => void;
}

const sizes = new WeakMap<AmqpReceiver, number>();

/** Size in bytes of the message that just came in on this link, also of what was cut off. */
export function arrivedBytes(receiver: AmqpReceiver): number {
  const bytes = sizes.get(receiver) ?? 0;
  sizes.delete(receiver);
  return bytes;
}

/** Descriptors of part 3 section 3.4; rhea writes about any other on stderr. */
const OUTCOMES: ReadonlySet<unknown> = new Set([
  ...[0x23, 0x24, 0x25, 0x26, 0x27],
  ...["received", "accepted", "rejected", "released", "modified"].map(
    (name) => `amqp:${name}:list`,
  ),
]);

/** Has to be called on `session_open`, before the session sees its first link. */
export function prepareSession(session: AmqpSession, hooks: SessionHooks): void {
  holdAttaches(session);
  rawMessages(session, hooks.incoming);
  const { outgoing } = session;
  outgoing.deliveries = new DeliveryMap(SESSION_BUFFER);
  outgoing.compute_max_payload = (tag) =>
    Math.min(session.connection.max_frame_size ?? MAX_FRAME_BYTES, MAX_FRAME_BYTES) -
    (TRANSFER_FRAME_OVERHEAD + tag.length);
  const onDisposition = session.on_disposition.bind(session);
  session.on_disposition = (frame) => {
    // rhea walks the whole range, and a peer may name four thousand million deliveries.
    const { first, last, state } = frame.performative;
    if ((last ?? first) - first > SESSION_BUFFER) throw new Error("disposition out of range");
    if (!OUTCOMES.has(state?.descriptor?.value)) frame.performative.state = undefined;
    onDisposition(frame);
  };
  const onFlow = session.on_flow.bind(session);
  session.on_flow = (frame) => {
    // Only senders drain; rhea writes about any other on stderr.
    const { handle } = frame.performative;
    if (handle !== undefined && session.remote.handles[handle]?.is_receiver()) {
      frame.performative.drain = false;
    }
    onFlow(frame);
    hooks.onFlow();
  };
}

const coordinators = new WeakSet<AmqpSession>();

/** Whether the link that is being attached asks for a transaction coordinator; asking clears it. */
export function wantsCoordinator(session: AmqpSession): boolean {
  return coordinators.delete(session);
}

/** AMQP part 4 section 4.5.1. */
const COORDINATOR = 0x30;

/** Descriptors of part 3 sections 3.5.3 and 3.5.4; rhea writes about any other on stderr. */
const TERMINI: ReadonlySet<unknown> = new Set([0x28, 0x29, "amqp:source:list", "amqp:target:list"]);

/** rhea answers an attach at once. Here it waits for `openLink` or `refuseLink`. */
function holdAttaches(session: AmqpSession): void {
  const createSender = session.create_sender.bind(session);
  const createReceiver = session.create_receiver.bind(session);
  session.create_sender = (name) => hold(createSender(name));
  session.create_receiver = (name) => hold(createReceiver(name));
  const onAttach = session.on_attach.bind(session);
  session.on_attach = (frame) => {
    if (Number(frame.performative.target?.descriptor?.value) === COORDINATOR) {
      coordinators.add(session);
      frame.performative.target = undefined;
    }
    if (!TERMINI.has(frame.performative.source?.descriptor?.value)) {
      frame.performative.source = undefined;
    }
    if (!TERMINI.has(frame.performative.target?.descriptor?.value)) {
      frame.performative.target = undefined;
    }
    onAttach(frame);
  };
}

/** rhea decodes messages of format 0, which loses types: show it a foreign format, and it hands over the bytes. */
function rawMessages(session: AmqpSession, incoming: Incoming): void {
  const onTransfer = session.on_transfer.bind(session);
  session.on_transfer = (frame) => {
    const link = session._get_link(frame);
    // Part 2 section 2.6.7: rhea only complains of this on stderr.
    if (link.credit <= 0) throw new Error("transfer without credit");
    // What exceeds the limit is read but not kept; the delivery is refused when it is whole.
    const fits = incoming.add(link, frame.payload?.length ?? 0);
    if (!fits || frame.payload === undefined) frame.payload = Buffer.alloc(0);
    if (frame.performative.more !== true) sizes.set(link, incoming.take(link));
    if (frame.performative.message_format === 0) frame.performative.message_format = 1;
    onTransfer(frame);
  };
}
