import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface ScriptedRecord {
  readonly target: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
}

/** A name server on loopback that knows SRV records only. */
export interface DnsScript {
  readonly port: number;
  /** By name in lower case; a name that is not here does not exist. */
  readonly records: Map<string, readonly ScriptedRecord[]>;
  /** Names that were asked for, in order. */
  readonly asked: readonly string[];
  /** Says nothing any more, or speaks again. */
  silent: boolean;
  close(): Promise<void>;
}

/** RFC 2782 */
const SRV = 33;

export async function startDnsScript(
  records: Readonly<Record<string, readonly ScriptedRecord[]>> = {},
): Promise<DnsScript> {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, { port, address }) => {
    const { name, end } = readName(query);
    asked.push(name);
    if (script.silent) return;
    const known = query.readUInt16BE(end) === SRV ? script.records.get(name) : undefined;
    socket.send(answerTo(query.subarray(0, end + 4), known), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const script: DnsScript = {
    port: socket.address().port,
    records: new Map(Object.entries(records)),
    asked,
    silent: false,
    async close() {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
  return script;
}

/** The first question's name, and where it ends (RFC 1035 section 4.1.2). */
function readName(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), end: at + 1 };
}

function answerTo(question: Buffer, records: readonly ScriptedRecord[] | undefined): Buffer {
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x8180 | (records === undefined ? 3 : 0), 2);
  for (const [at, count] of [1, records?.length ?? 0, 0, 0].entries()) {
    header.writeUInt16BE(count, 4 + 2 * at);
  }
  return Buffer.concat([header, question.subarray(12), ...(records ?? []).map(printRecord)]);
}

function printRecord({ target, port, priority = 0, weight = 100 }: ScriptedRecord): Buffer {
  const labels = target.split(".").filter((label) => label !== "");
  const name = Buffer.concat([
    ...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, "latin1")]),
    Buffer.of(0),
  ]);
  // The name of the question (a pointer), type, class IN, 60 s to live, and the length of the rest.
  const head = Buffer.from([0xc0, 12, 0, SRV, 0, 1, 0, 0, 0, 60, 0, 6 + name.length]);
  const numbers = Buffer.alloc(6);
  for (const [at, number] of [priority, weight, port].entries()) {
    numbers.writeUInt16BE(number, 2 * at);
  }
  return Buffer.concat([head, numbers, name]);
}
