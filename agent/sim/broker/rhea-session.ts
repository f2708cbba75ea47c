import { DeliveryMap } from "./delivery-map.ts";
import { MAX_FRAME_BYTES, SESSION_BUFFER } from "./rhea-connection.ts";
import { hold } from "./rhea-link.ts";
import type { AmqpReceiver, AmqpSession } from "./rhea-types.ts";

const TRANSFER_FRAME_OVERHEAD = 50;

export interface SessionHooks {
  /** Largest message that is kept while it comes in, in bytes. */
  readonly maxMessageBytes: number;
  /** The peer's window or credit may have grown. */
  readonly onFlow: () => void;
}

/** Bytes of the message that is coming in on a link, also of what was cut off. */
const arriving = new WeakMap<AmqpReceiver, number>();

/** Size in bytes of the message that just came in on this link, also of what was cut off. */
export function arrivedBytes(receiver: AmqpReceiver): number {
  const bytes = arriving.get(receiver) ?? 0;
  arriving.delete(receiver);
  return bytes;
}

/** Has to be called on `session_open`, before the session sees its first link. */
export function prepareSession(session: AmqpSession, hooks: SessionHooks): void {
  holdAttaches(session);
  rawMessages(session, hooks.maxMessageBytes);
  const { outgoing } = session;
  outgoing.deliveries = new DeliveryMap(SESSION_BUFFER);
  outgoing.compute_max_payload = (tag) =>
    Math.min(session.connection.max_frame_size ?? MAX_FRAME_BYTES, MAX_FRAME_BYTES) -
    (TRANSFER_FRAME_OVERHEAD + tag.length);
  const onDisposition = session.on_disposition.bind(session);
  session.on_disposition = (frame) => {
    // rhea walks the whole range, and a peer may name four thousand million deliveries.
    const { first, last } = frame.performative;
    if ((last ?? first) - first > SESSION_BUFFER) throw new Error("disposition out of range");
    onDisposition(frame);
  };
  const onFlow = session.on_flow.bind(session);
  session.on_flow = (frame) => {
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
    onAttach(frame);
  };
}

/** rhea decodes messages of format 0, which loses types: show it a foreign format, and it hands over the bytes. */
function rawMessages(session: AmqpSession, maxMessageBytes: number): void {
  const onTransfer = session.on_transfer.bind(session);
  session.on_transfer = (frame) => {
    const link = session._get_link(frame);
    const bytes = (arriving.get(link) ?? 0) + (frame.payload?.length ?? 0);
    arriving.set(link, bytes);
    // What exceeds the limit is read but not kept; the delivery is refused when it is whole.
    if (bytes > maxMessageBytes || frame.payload === undefined) {
      frame.payload = Buffer.alloc(0);
    }
    if (frame.performative.message_format === 0) frame.performative.message_format = 1;
    onTransfer(frame);
  };
}
