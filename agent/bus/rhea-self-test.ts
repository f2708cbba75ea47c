import type { Connection, Delivery, Rhea } from "./rhea-guards.ts";

/**
 * Runs the self-test on a loaded rhea, without network: the names of the failures that it is not guarded against.
 */
export function guardFailures(rhea: Rhea): readonly string[] {
  const connection = rhea.create_connection({ id: "guards-test" });
  const failures: string[] = [];
  if (writtenDispositions(connection) !== "0-0:36 1-1:37 2-3:36") {
    failures.push("adjacent settlements");
  }
  if (!survivesUnsettledDelivery(connection)) failures.push("unsettled delivery");
  if (connection.get_option("tcp_no_delay", false) !== true) failures.push("small frames");
  if (!failsCutSettlement(connection)) failures.push("cut settlement");
  return failures;
}

/** Accept, reject, accept, accept in one turn, as rhea writes them: `first-last:outcome` of each frame. */
function writtenDispositions(connection: Connection): string {
  const { session, deliver } = loopback(connection);
  const written: string[] = [];
  session.output = ({ first, last, state }) => {
    written.push(`${first}-${last}:${String(state.descriptor.value)}`);
  };
  const deliveries = [deliver(0), deliver(1), deliver(2), deliver(3)];
  for (const [index, delivery] of deliveries.entries()) {
    if (index === 1) delivery.reject({ condition: "test", description: "test" });
    else delivery.accept();
  }
  session.incoming.process(session);
  return written.join(" ");
}

function survivesUnsettledDelivery(connection: Connection): boolean {
  const { session, deliver } = loopback(connection);
  session.output = () => {};
  deliver(0);
  const { capacity } = session.incoming.deliveries;
  try {
    for (let id = 1; id <= 2 * capacity; id++) {
      deliver(id).settled = true;
      session.incoming.process(session);
    }
  } catch {
    return false;
  }
  return session.incoming.deliveries.by_id(0)?.id === 0;
}

function failsCutSettlement(connection: Connection): boolean {
  const { session, deliver, events } = loopback(connection);
  deliver(0).accept();
  deliver(1);
  session._disconnect();
  return events.join(" ") === "message message settled";
}

/** A session without a peer, a way to give it deliveries, and the events that its receiver got. */
function loopback(connection: Connection) {
  const session = connection.create_session();
  const events: string[] = [];
  const receiver = {
    session,
    connection: { _register: () => {} },
    local: { attach: { rcv_settle_mode: 1 } },
    credit: 2 ** 20,
    delivery_count: 0,
    is_receiver: () => true,
    is_remote_open: () => true,
    dispatch: (event: string) => events.push(event),
    _context: (context: object) => context,
  };
  const deliver = (id: number): Delivery => {
    const performative = {
      delivery_id: id,
      delivery_tag: Buffer.of(0),
      message_format: 1,
    };
    session.incoming.on_transfer({ performative, payload: Buffer.of() }, receiver);
    const delivery = session.incoming.deliveries.by_id(id);
    if (delivery === undefined) throw new Error(`delivery ${id} was not kept`);
    return delivery;
  };
  return { session, deliver, events };
}
