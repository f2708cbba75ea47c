import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { packageFile } from "../config/package-file.ts";
import { AgentError } from "../core/error.ts";
import type { RuleDeclaration } from "../sim/broker/access-rule.ts";
import { type BrokerConfig, parseBrokerConfig } from "../sim/broker/config.ts";
import type { ListenersConfig } from "../sim/broker/config-listeners.ts";
import type { TlsOptions } from "../sim/broker/listeners.ts";
import { type Broker, startBroker } from "../sim/broker/server.ts";
import { announceUntilStopped, integer } from "./simulator.ts";

const BROKER_KEY = "HYBRID_SIM_KEY";
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 5672;
const DEFAULT_TLS_PORT = 5671;
const MAX_PORT = 65_535;
const PEM_START = "-----BEGIN";

interface BrokerFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsPort?: number;
  readonly websocketPort?: number;
  readonly websocketTlsPort?: number;
  readonly json?: boolean;
}

export function addSimBrokerCommand(sim: Command): void {
  const port = integer(0, MAX_PORT);
  sim
    .command("broker")
    .description("an embedded Service Bus: queues in memory, for the unmodified client")
    .option("--config <config.json>", "queues, rules and ports; see below")
    .option("--host <address>", `address to listen on (default: ${DEFAULT_HOST})`)
    .option("--port <port>", `of plain AMQP; 0 takes any free one (default: ${DEFAULT_PORT})`, port)
    .option("--tls-certificate <file>", "PEM file; with --tls-key it turns on AMQP over TLS")
    .option("--tls-key <file>", "PEM file with the key of the certificate")
    .option("--tls-port <port>", `of AMQP over TLS (default: ${DEFAULT_TLS_PORT})`, port)
    .option("--websocket-port <port>", "turns on AMQP over WebSocket (ws)", port)
    .option(
      "--websocket-tls-port <port>",
      "the same over TLS (wss), which needs a certificate",
      port,
    )
    .option("--json", "print one line of JSON")
    .addHelpText(
      "after",
      `
The config is a config.json of the official Service Bus emulator (comments allowed), in which may also stand:
  AuthorizationRules  of the namespace or of a queue: [{ Name, Rights: [Listen, Send, Manage], PrimaryKey, SecondaryKey }]
  Listeners           in UserConfig: { Host, Port, Tls: { Port, Certificate, Key }, WebSocket: { Port, SecurePort } }
  MaxSizeInMegabytes and Status of a queue, as in Azure
What is said on the command line wins. Without --config it is config/broker.json of this package.

The key with all rights is taken from ${BROKER_KEY}, or made up at each start. Rules without keys get some that are made
from it and their name, so that rules of one name, at several queues, have one connection string.`,
    )
    .action(simulateBroker);
}

async function simulateBroker(flags: BrokerFlags): Promise<void> {
  const file = flags.config ?? packageFile("config/broker.json");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new AgentError("input.invalid", `${file} cannot be read`, { cause });
  });
  const config = parseBrokerConfig(text);
  const key = process.env[BROKER_KEY];
  const broker = await startBroker({
    queues: config.queues,
    rules: config.rules,
    ...listening(config.listeners, flags, dirname(file)),
    ...(key === undefined || key === "" ? {} : { key }),
  });
  try {
    const { connectionString, port, listeners } = broker;
    const rules = ruleStrings(broker, config.rules);
    const facts = { port, connectionString, listeners, rules };
    await announceUntilStopped(facts, flags.json, lines(broker, config));
  } finally {
    await broker.close();
  }
}

/** Where to listen, by the command line and then the config, whose paths start at its own folder. */
function listening(
  config: ListenersConfig,
  flags: BrokerFlags,
  folder: string,
): { host: string; port: number } & Pick<ListenersConfig, "tls" | "webSocket"> {
  const tls = tlsOptions(config, flags, folder);
  const securePort = flags.websocketTlsPort ?? config.webSocket?.securePort;
  const port = flags.websocketPort ?? config.webSocket?.port;
  if (tls === undefined && securePort !== undefined) {
    throw new AgentError("usage", "wss needs a certificate", {
      hint: "give --tls-certificate and --tls-key",
    });
  }
  if (tls === undefined && flags.tlsPort !== undefined) {
    throw new AgentError("usage", "--tls-port needs --tls-certificate and --tls-key");
  }
  const webSocket = {
    ...(port === undefined ? {} : { port }),
    ...(securePort === undefined ? {} : { securePort }),
  };
  const wanted = config.webSocket !== undefined || Object.keys(webSocket).length > 0;
  return {
    host: flags.host ?? config.host ?? DEFAULT_HOST,
    port: flags.port ?? config.port ?? DEFAULT_PORT,
    ...(tls === undefined ? {} : { tls }),
    ...(wanted ? { webSocket } : {}),
  };
}

function tlsOptions(
  { tls }: ListenersConfig,
  flags: BrokerFlags,
  folder: string,
): TlsOptions | undefined {
  const given = (pathOrText: string | undefined): string | undefined =>
    pathOrText === undefined || pathOrText.includes(PEM_START)
      ? pathOrText
      : resolve(folder, pathOrText);
  const certificate = flags.tlsCertificate ?? given(tls?.certificate);
  const key = flags.tlsKey ?? given(tls?.key);
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new AgentError("usage", "TLS needs both --tls-certificate and --tls-key");
  }
  return { certificate, key, port: flags.tlsPort ?? tls?.port ?? DEFAULT_TLS_PORT };
}

interface RuleString {
  readonly name: string;
  /** What it is good for, in words. */
  readonly rights: string;
  readonly connectionString: string;
}

/** One connection string for each key that rules of one name have. */
function ruleStrings(broker: Broker, rules: readonly RuleDeclaration[]): RuleString[] {
  const byString = new Map<string, { name: string; rights: string[] }>();
  for (const { name, queue, rights } of rules) {
    const selector = { rule: name, ...(queue === undefined ? {} : { queue }) };
    const connectionString = broker.connectionStringFor(selector);
    const known = byString.get(connectionString) ?? { name, rights: [] };
    known.rights.push(`${rights.join(" and ")} on ${queue ?? "every queue"}`);
    byString.set(connectionString, known);
  }
  return [...byString].map(([connectionString, { name, rights }]) => ({
    name,
    rights: rights.join(", "),
    connectionString,
  }));
}

function lines(broker: Broker, { queues, rules }: BrokerConfig): string[] {
  return [
    `Service Bus broker, queues: ${queues.map(({ name }) => name).join(", ")}`,
    ...broker.listeners.map(({ kind, host, port }) => `listens on ${kind}://${host}:${port}`),
    // Whoever starts a simulator needs its keys; they are worth nothing outside of this machine.
    `connection string: ${broker.connectionString}`,
    ...ruleStrings(broker, rules).flatMap(({ name, rights, connectionString }) => [
      `rule ${name}, ${rights}:`,
      `  ${connectionString}`,
    ]),
  ];
}
