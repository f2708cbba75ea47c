import type { Socket } from "node:net";
import rhea from "rhea";
import type { AmqpConnection, Container, SaslMechanism } from "./rhea-types.ts";

/** Largest frame that we read and write, in bytes; the client library itself announces 4 GiB. */
export const MAX_FRAME_BYTES = 65_536;
/** Part 2 section 2.4.5: the peer has twice this long to send something. */
const IDLE_TIME_OUT_MS = 240_000;
const CHANNEL_MAX = 4_999;
/** Unsettled deliveries of one AMQP session. */
export const SESSION_BUFFER = 8_192;

interface AcceptOptions {
  readonly containerId: string;
  readonly mechanisms: Record<string, () => SaslMechanism>;
}

/**
 * A connection of a peer, with rhea's pitfalls as a server out of the way. Nothing is read before the caller has
 * set its listeners and called `accept`.
 */
export function createConnection(socket: Socket, options: AcceptOptions): AmqpConnection {
  // A container of its own, since SASL mechanisms belong to the container and have to know their connection.
  const container = rhea.create_container({ id: options.containerId }) as unknown as Container;
  container.sasl_server_mechanisms = options.mechanisms;
  const connection = container.create_connection({
    container_id: options.containerId,
    max_frame_size: MAX_FRAME_BYTES,
    idle_time_out: IDLE_TIME_OUT_MS,
    channel_max: CHANNEL_MAX,
    session_buffer_size: SESSION_BUFFER,
    require_sasl: true,
    tcp_no_delay: true,
    reconnect: false,
    // What a receiver modifies must not look released as well, and nothing is settled or granted behind our back.
    treat_modified_as_released: false,
    autosettle: false,
    autoaccept: false,
    credit_window: 0,
  });
  joinWrites(connection, socket);
  return connection;
}

/** rhea writes every frame by itself: hold them until the turn is over and send them in one go. */
function joinWrites(connection: AmqpConnection, socket: Socket): void {
  const turn = connection._process.bind(connection);
  const read = connection.input.bind(connection);
  connection._process = () => {
    socket.cork();
    try {
      turn();
    } finally {
      socket.uncork();
    }
  };
  connection.input = (data) => {
    socket.cork();
    try {
      read(data);
    } finally {
      socket.uncork();
    }
    // rhea sets no bound to the frame it waits for, and goes on reading after a frame it could not read.
    const tooLarge = (connection.frame_size ?? 0) > MAX_FRAME_BYTES;
    if (tooLarge || connection.saved_error !== undefined) socket.destroy();
  };
}
