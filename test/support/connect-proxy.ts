import { once } from "node:events";
import { createServer } from "node:http";
import net from "node:net";
import type { Duplex } from "node:stream";

/** An HTTP proxy that tunnels (RFC 9110 section 9.3.6), on loopback, and wants user and password when it has one. */
export interface ConnectProxy {
  readonly port: number;
  /** `host:port` of each tunnel that was asked for, refused ones with the status. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export async function startConnectProxy({
  user,
}: {
  readonly user?: string;
} = {}): Promise<ConnectProxy> {
  const asked: string[] = [];
  const tunnels = new Set<Duplex>();
  const server = createServer();
  server.on("connect", (request, near: Duplex) => {
    const { url = "", headers } = request;
    const expected = user && `Basic ${Buffer.from(user).toString("base64")}`;
    if (expected !== undefined && headers["proxy-authorization"] !== expected) {
      asked.push(`${url} 407`);
      near.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    asked.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const far = net.connect(Number(port), hostname, () => {
      near.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      near.pipe(far).pipe(near);
    });
    for (const [end, other] of [[near, far] as const, [far, near] as const]) {
      tunnels.add(end);
      end.on("error", () => {});
      end.on("close", () => {
        tunnels.delete(end);
        other.destroy();
      });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    asked,
    close: async () => {
      for (const tunnel of tunnels) tunnel.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
