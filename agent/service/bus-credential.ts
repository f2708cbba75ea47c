import { readFile } from "node:fs/promises";
import type { BusCredential, NamedCredential, WebSocketTransport } from "../bus/bus-connection.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { AgentError } from "../core/error.ts";

/** What signs in to a namespace, of whichever process. */
export type BusConfig = Pick<AgentConfig["bus"], "connection" | "transport"> & {
  readonly [Option in "proxy" | "proxyCredential" | "ca"]?: AgentConfig["bus"][Option] | undefined;
};

/**
 * The preferred way to sign in to the bus, secrets read.
 * @throws AgentError `config.invalid` when a secret or a file is not there
 */
export async function readBusCredential(bus: BusConfig): Promise<BusCredential> {
  const { connection } = bus;
  const transport = await readTransport(bus);
  if (connection.kind === "connectionString") {
    const connectionString = await connection.connectionString.read();
    return { kind: "connectionString", connectionString, ...transport };
  }
  const { namespace, credential } = connection;
  switch (credential.kind) {
    case "default":
      return { kind: "default", namespace, ...transport };
    case "clientCertificate": {
      const { certificatePath, ...application } = credential;
      const certificate = await readPem(certificatePath, "bus.credential.certificatePath");
      return { ...application, namespace, certificate, ...transport };
    }
    case "clientSecret": {
      const clientSecret = await credential.clientSecret.read();
      return { ...credential, namespace, clientSecret, ...transport };
    }
  }
}

/**
 * Every configured way to sign in, the preferred one first. What is asked for again is read again, so that what was
 * rotated is used without a restart.
 * @throws AgentError `config.invalid` when a secret or a file is not there
 */
export async function readBusCredentials(bus: BusConfig): Promise<readonly NamedCredential[]> {
  const { connection } = bus;
  const credential = await readBusCredential(bus);
  if (connection.kind === "namespace") return [{ name: "bus.credential", credential }];
  const first = { name: "bus.connectionString", credential };
  if (connection.second === undefined) return [first];
  const connectionString = await connection.second.read();
  return [
    first,
    {
      name: "bus.secondConnectionString",
      credential: { ...credential, kind: "connectionString", connectionString },
    },
  ];
}

async function readTransport(bus: BusConfig): Promise<{ webSocket?: WebSocketTransport }> {
  if (bus.transport === "amqp") return {};
  const { proxy, ca } = bus;
  return {
    webSocket: {
      ...(proxy === undefined ? {} : { proxy: await withSignIn(proxy, bus) }),
      ...(ca === undefined ? {} : { ca: await readPem(ca, "bus.ca") }),
    },
  };
}

/** The URL of the proxy with user and password, which may hold any character. */
async function withSignIn(proxy: string, { proxyCredential }: BusConfig): Promise<string> {
  if (proxyCredential === undefined) return proxy;
  const credential = await proxyCredential.read();
  const colon = credential.indexOf(":");
  if (colon < 1) {
    throw new AgentError("config.invalid", "bus.proxyCredential is not user:password", {
      hint: `${proxyCredential.reference} must hold the user, a colon and the password`,
    });
  }
  const url = new URL(proxy);
  url.username = encodeURIComponent(credential.slice(0, colon));
  url.password = encodeURIComponent(credential.slice(colon + 1));
  return url.href;
}

async function readPem(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new AgentError("config.invalid", `${option}: ${path} cannot be read`, {
      cause,
      hint: "check the path and that the agent's account may read the file",
    });
  }
}
