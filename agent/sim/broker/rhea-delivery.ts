import { createRequire } from "node:module";
import rhea from "rhea";
import type { Refusal } from "./refusal.ts";
import type {
  AmqpSender,
  AmqpSession,
  Frames,
  IncomingDelivery,
  Messages,
  OutgoingDelivery,
} from "./rhea-types.ts";

const messages = rhea.message as unknown as Messages;
const frames = createRequire(import.meta.url)("rhea/lib/frames.js") as Frames;

export type OutcomeKind = "accepted" | "rejected" | "released" | "modified";

/** Accepts what a peer sent. */
export function acceptIncoming(delivery: IncomingDelivery): void {
  delivery.update(true, messages.accepted().described());
}

/** Rejects what a peer sent. */
export function rejectIncoming(delivery: IncomingDelivery, error: Refusal): void {
  // Not by update(): rhea may write the outcome of the delivery before in its place.
  delivery.settled = true;
  if (delivery.remote_settled) return;
  const state = messages.rejected({ error: { ...error } }).described();
  writeDisposition(delivery.link.session, { role: true, id: delivery.id, state });
}

/** Makes room for others without an outcome: the peer never hears what became of it. */
export function forgetIncoming(delivery: IncomingDelivery): void {
  delivery.settled = true;
}

function writeDisposition(
  session: AmqpSession,
  fields: { readonly role: boolean; readonly id: number; readonly state: unknown },
): void {
  const { role, id, state } = fields;
  session.output(frames.disposition({ role, first: id, last: id, settled: true, state }));
}

/** Confirms the outcome that a receiver asked for, or tells it why it cannot have it. */
export function confirmOutgoing(
  delivery: OutgoingDelivery,
  kind: OutcomeKind,
  error: Refusal | undefined,
): void {
  if (!delivery.remote_settled) {
    if (error === undefined && kind === "accepted") {
      delivery.update(true, messages.accepted().described());
    } else {
      const outcome =
        error === undefined ? plainOutcome(kind) : messages.rejected({ error: { ...error } });
      const state = outcome.described();
      writeDisposition(delivery.link.session, { role: false, id: delivery.id, state });
    }
  }
  forgetOutgoing(delivery);
}

/** The outcome without an error: with one it would look like a failure to the client. */
function plainOutcome(kind: OutcomeKind): { described(): unknown } {
  switch (kind) {
    case "accepted":
      return messages.accepted();
    case "rejected":
      return messages.rejected({});
    case "modified":
      return messages.modified({});
    case "released":
      return messages.released();
  }
}

/** A peer in settle mode second never settles by itself, so rhea would keep the delivery for ever. */
export function forgetOutgoing(delivery: OutgoingDelivery): void {
  delivery.settled = true;
  delivery.remote_settled = true;
  delivery.link.session.outgoing.deliveries.delete(delivery.id);
}

/** Sends a message that needs no answer. False when the session has no room for it. */
export function sendSettled(sender: AmqpSender, message: Buffer, tag: Buffer): boolean {
  if (sender.session.outgoing.deliveries.available() <= 0) return false;
  sender.send(message, tag, 0).settled = true;
  return true;
}

/** Deliveries handed to rhea that it has not written yet. */
function pendingDeliveries(session: AmqpSession): number {
  return session.outgoing.next_delivery_id - session.outgoing.next_pending_delivery;
}

/** How many messages the peer and the session have room for. */
export function roomFor(sender: AmqpSender): number {
  const { outgoing } = sender.session;
  const room = Math.min(sender.credit, outgoing.transfer_window(), outgoing.deliveries.available());
  // Not a number before the peer's first flow.
  return Number.isNaN(room) ? 0 : Math.max(0, room - pendingDeliveries(sender.session));
}

/**
 * Part 2 section 2.6.7: after all that could be sent was sent, the credit left is given up and the peer told so, also
 * when none is left. False when deliveries are still waiting for the peer's window.
 */
export function answerDrain(sender: AmqpSender): boolean {
  sender.connection._process();
  if (pendingDeliveries(sender.session) > 0) return false;
  sender.delivery_count += sender.credit;
  sender.credit = 0;
  sender._get_drain = () => true;
  sender.session._write_flow(sender);
  Reflect.deleteProperty(sender, "_get_drain");
  return true;
}
