import type { BusCredential } from "../bus/bus-connection.ts";
import type { AgentConfig } from "../config/agent-config.ts";

/**
 * The configured way to sign in to the bus, secrets read.
 * @throws AgentError `config.invalid` when a secret is not there
 */
export async function readBusCredential(bus: AgentConfig["bus"]): Promise<BusCredential> {
  const { connection } = bus;
  if (connection.kind === "connectionString") {
    return { kind: "connectionString", connectionString: await connection.connectionString.read() };
  }
  const { namespace, credential } = connection;
  if (credential.kind !== "clientSecret") return { namespace, ...credential };
  return { ...credential, namespace, clientSecret: await credential.clientSecret.read() };
}
