import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a connection gets: its peer, a peer that accepts and says nothing, or nobody. */
export type ProxyMode = "pass" | "silent";

interface Pair {
  readonly client: Socket;
  readonly broker: Socket | undefined;
  isFrozen: boolean;
}

/** Stands between a client and the broker, and does to their connections what networks do. */
export class BusProxy {
  readonly #brokerPort: number;
  readonly #pairs = new Set<Pair>();
  /** Ends towards the broker that it believes in still. */
  readonly #orphans = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #accepted = 0;
  /** For connections that are made from now on. */
  mode: ProxyMode = "pass";

  constructor(options: { readonly brokerPort: number }) {
    this.#brokerPort = options.brokerPort;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#pairs.size;
  }

  /** Listens, on the same port every time. */
  async listen(): Promise<void> {
    const server = createServer((client) => this.#accept(client));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  #accept(client: Socket): void {
    this.#accepted++;
    const broker = this.mode === "pass" ? connect(this.#brokerPort, "127.0.0.1") : undefined;
    const pair: Pair = { client, broker, isFrozen: false };
    this.#pairs.add(pair);
    const end = () => {
      client.destroy();
      this.#pairs.delete(pair);
      // What a frozen path swallows includes the end.
      if (pair.isFrozen && broker !== undefined) this.#orphans.add(broker);
      else broker?.destroy();
    };
    for (const socket of [client, broker]) {
      socket?.on("error", end);
      socket?.on("close", end);
      socket?.setNoDelay(true);
    }
    client.on("data", (bytes) => pair.isFrozen || broker?.write(bytes));
    broker?.on("data", (bytes) => pair.isFrozen || client.write(bytes));
  }

  /** Refuses new connections; those that are open go on. */
  async refuse(): Promise<void> {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Resets what is open. @returns how many */
  cut(): number {
    const pairs = [...this.#pairs];
    for (const { client, broker } of pairs) {
      client.resetAndDestroy();
      broker?.destroy();
    }
    return pairs.length;
  }

  /** Swallows from now on what goes over the open connections, both ways; nobody is told. */
  freeze(): void {
    for (const pair of this.#pairs) pair.isFrozen = true;
  }

  async close(): Promise<void> {
    await this.refuse();
    this.cut();
    for (const orphan of this.#orphans) orphan.destroy();
  }
}

/** The same connection string for another port. */
export function throughPort(connectionString: string, port: number): string {
  return connectionString.replace(/:\d+(?=[;/])/, `:${port}`);
}
