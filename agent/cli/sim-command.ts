import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { packageFile } from "../config/package-file.ts";
import { AgentError } from "../core/error.ts";
import { parseBrokerConfig } from "../sim/broker/config.ts";
import { startBroker } from "../sim/broker/server.ts";
import { DEFAULT_SEED, MAX_PEOPLE } from "../sim/company/company.ts";
import { DEFAULT_BASE_DN } from "../sim/company/landmark.ts";
import { startDirectory } from "../sim/directory/server.ts";
import { writeLine } from "./output.ts";

const DIRECTORY_PASSWORD = "HYBRID_SIM_PASSWORD";
const BROKER_KEY = "HYBRID_SIM_KEY";
const KEEP_ALIVE_MS = 3_600_000;

interface BrokerFlags {
  readonly config?: string;
  readonly port: number;
  readonly json?: boolean;
}

interface DirectoryFlags {
  readonly port: number;
  readonly people: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function addSimCommand(program: Command): void {
  const sim = program
    .command("sim")
    .description("stand-ins for the world outside, on this machine");
  sim
    .command("broker")
    .description("an embedded Service Bus: queues in memory, for the unmodified client")
    .option("--config <file>", "queues, in the format of the official emulator's config.json")
    .option("--port <port>", "port to listen on; 0 takes any free one", integer(0, 65_535), 5672)
    .option("--json", "print one line of JSON")
    .addHelpText(
      "after",
      `\nThe shared access key is taken from ${BROKER_KEY}, or made up at each start.`,
    )
    .action(simulateBroker);
  sim
    .command("directory")
    .description("an embedded LDAP server with the people of a made-up company")
    .option("--port <port>", "port to listen on; 0 takes any free one", integer(0, 65_535), 3890)
    .option("--people <count>", "how many people the company has", integer(1, MAX_PEOPLE), 200)
    .option(
      "--seed <number>",
      "another number is another company",
      integer(0, 2 ** 31),
      DEFAULT_SEED,
    )
    .option("--json", "print one line of JSON")
    .addHelpText(
      "after",
      `\nBind as cn=sync,${DEFAULT_BASE_DN} with the password in ${DIRECTORY_PASSWORD}, or "secret" when it is not set.`,
    )
    .action(simulateDirectory);
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new AgentError("usage", `${text} is not a whole number from ${least} to ${most}`);
  };
}

async function simulateBroker(flags: BrokerFlags): Promise<void> {
  const file = flags.config ?? packageFile("config/broker.json");
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new AgentError("input.invalid", `${file} cannot be read`, { cause });
  });
  const { queues } = parseBrokerConfig(text);
  const key = process.env[BROKER_KEY];
  const broker = await startBroker({
    queues,
    port: flags.port,
    ...(key === undefined || key === "" ? {} : { key }),
  });
  const { connectionString, port } = broker;
  await announce({ port, connectionString }, flags.json, [
    `Service Bus broker on 127.0.0.1:${port}, queues: ${queues.map(({ name }) => name).join(", ")}`,
    // Whoever starts a simulator needs its key; it is worth nothing outside of this machine.
    `connection string: ${connectionString}`,
  ]);
  await untilStopped();
  await broker.close();
}

async function simulateDirectory(flags: DirectoryFlags): Promise<void> {
  const directory = await startDirectory({
    baseDn: DEFAULT_BASE_DN,
    bind: {
      dn: `cn=sync,${DEFAULT_BASE_DN}`,
      password: process.env[DIRECTORY_PASSWORD] ?? "secret",
    },
    company: { people: flags.people, seed: flags.seed },
    port: flags.port,
  });
  const { url, port, baseDn, bindDn } = directory;
  await announce({ port, url, baseDn, bindDn }, flags.json, [
    `LDAP directory at ${url}, base ${baseDn}, ${flags.people} people (seed ${flags.seed})`,
    `bind as ${bindDn}`,
  ]);
  await untilStopped();
  await directory.close();
}

async function announce(
  facts: Readonly<Record<string, string | number>>,
  json: boolean | undefined,
  lines: readonly string[],
): Promise<void> {
  if (process.send !== undefined) process.send(facts);
  else if (json === true) await writeLine(JSON.stringify(facts));
  else await writeLine([...lines, "Ctrl+C stops it"].join("\n"));
}

/** Until somebody asks the process to stop, or the process that started it is gone. */
async function untilStopped(): Promise<void> {
  // Keeps the process alive where the servers do not.
  const alive = setInterval(() => undefined, KEEP_ALIVE_MS);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
    if (process.connected) process.once("disconnect", () => resolve());
  });
  clearInterval(alive);
}
