import { once } from "node:events";
import net from "node:net";

/** AMQP 1.0 part 2 section 2.7: the descriptors of the frames that the proxy knows. */
const ATTACH = 0x12;
const FLOW = 0x13;
/** Part 2 section 2.2: the protocol header, which comes once for SASL and once for AMQP. */
const PROTOCOL_HEADER_BYTES = 8;

/** A proxy between a client and the broker, on loopback. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that came so far. */
  connections(): number;
  /** Cuts all connections. */
  cut(): void;
  close(): Promise<void>;
}

export interface TcpProxyOptions {
  /** Where to pass bytes on to. */
  readonly target: number;
  /**
   * Receiving links of this queue are never given credit on the first `deafConnections` connections: the broker, which
   * does not see the client's flow frames, sends nothing, and neither side knows that anything is wrong.
   */
  readonly deafTo?: string;
  readonly deafConnections?: number;
}

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const { target, deafTo, deafConnections = 0 } = options;
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer((near) => {
    connections++;
    const far = net.connect(target, "127.0.0.1");
    const filter =
      deafTo !== undefined && connections <= deafConnections ? flowFilter(deafTo) : undefined;
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(end);
      end.setNoDelay(true);
      end.on("error", () => {});
      end.on("close", () => {
        sockets.delete(end);
        other.destroy();
      });
    }
    far.pipe(near);
    if (filter === undefined) near.pipe(far);
    else near.on("data", (chunk: Buffer) => far.write(filter(chunk)));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    connections: () => connections,
    cut,
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Passes frames on, but not the flow frames of the AMQP session in which a receiver of the queue is attached. */
function flowFilter(queue: string): (chunk: Buffer) => Buffer {
  const channels = new Set<number>();
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    for (;;) {
      const isHeader = rest.subarray(0, 4).toString("latin1") === "AMQP";
      const size = isHeader ? PROTOCOL_HEADER_BYTES : rest.length < 4 ? 4 : rest.readUInt32BE(0);
      if (rest.length < Math.max(size, 8)) return Buffer.concat(passed);
      const frame = rest.subarray(0, size);
      rest = rest.subarray(size);
      if (isHeader || !isDropped(frame, { queue, channels })) passed.push(frame);
    }
  };
}

function isDropped(
  frame: Buffer,
  { queue, channels }: { readonly queue: string; readonly channels: Set<number> },
): boolean {
  const channel = frame.readUInt16BE(6);
  const performative = frame.subarray((frame[4] ?? 2) * 4);
  const isAmqp = frame[5] === 0 && performative[0] === 0 && performative[1] === 0x53;
  if (!isAmqp) return false;
  const text = performative.toString("latin1");
  // The links of `$management` name the queue too.
  if (performative[2] === ATTACH && text.includes(queue) && !/\$(management|cbs)/.test(text)) {
    channels.add(channel);
  }
  return performative[2] === FLOW && channels.has(channel);
}
