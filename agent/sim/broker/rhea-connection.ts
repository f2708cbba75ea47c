import type { Duplex } from "node:stream";
import rhea from "rhea";
import type { AmqpConnection, Container, SaslMechanism } from "./rhea-types.ts";

/** Largest frame that we read and write, in bytes; the client library itself announces 4 GiB. */
export const MAX_FRAME_BYTES = 65_536;
/** Part 2 section 2.4.5: the peer has twice this long to send something. */
const IDLE_TIME_OUT_MS = 240_000;
/** Largest channel number that a peer may use. */
export const CHANNEL_MAX = 4_999;
/** Unsettled deliveries of one AMQP session. */
export const SESSION_BUFFER = 8_192;

/** A peer that asks and asks and reads no answer is cut when so much waits for it. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

interface AcceptOptions {
  readonly containerId: string;
  readonly mechanisms: Record<string, () => SaslMechanism>;
}

/**
 * A connection of a peer, with rhea's pitfalls as a server out of the way. Nothing is read before the caller has
 * set its listeners and called `accept`.
 */
export function createConnection(socket: Duplex, options: AcceptOptions): AmqpConnection {
  // A container of its own, since SASL mechanisms belong to the container and have to know their connection.
  const container = rhea.create_container({ id: options.containerId }) as unknown as Container;
  container.sasl_server_mechanisms = options.mechanisms;
  const connection = container.create_connection({
    container_id: options.containerId,
    max_frame_size: MAX_FRAME_BYTES,
    idle_time_out: IDLE_TIME_OUT_MS,
    channel_max: CHANNEL_MAX,
    session_buffer_size: SESSION_BUFFER,
    // The JavaScript client leaves SASL out when its connection string holds a token instead of a key.
    require_sasl: false,
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
function joinWrites(connection: AmqpConnection, socket: Duplex): void {
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
    const unread = socket.writableLength > MAX_UNREAD_BYTES;
    if (tooLarge || unread || connection.saved_error !== undefined) socket.destroy();
  };
}

/** Frames that have come are not looked at until `resumeInput`, also those of the chunk that is being read now. */
export function haltInput(connection: AmqpConnection): void {
  connection.amqp_transport.read_complete = true;
}

/** Looks at what came since `haltInput`. */
export function resumeInput(connection: AmqpConnection): void {
  connection.amqp_transport.read_complete = false;
  const waiting = connection.frame_size !== undefined || connection.previous_input;
  if (waiting) connection.input(Buffer.alloc(0));
}

/** Reads on, so that the peer's end is noticed, but looks at nothing any more. */
export function ignoreInput(connection: AmqpConnection): void {
  haltInput(connection);
  connection.socket.removeAllListeners("data");
  connection.socket.resume();
}

/** Lets `answer` decide when, and whether, the open of the peer is answered. */
export function holdOpen(connection: AmqpConnection, answer: (open: () => void) => void): void {
  const open = connection.open.bind(connection);
  connection.open = () => answer(open);
}
