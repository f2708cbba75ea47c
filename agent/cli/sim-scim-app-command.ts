import { randomBytes } from "node:crypto";
import { type Command, Option } from "commander";
import { AgentError } from "../core/error.ts";
import { DEFECT_DESCRIPTIONS } from "../sim/scim-app/defects.ts";
import { FAULT_NOTATION, type FaultPlan, parseFaultPlan } from "../sim/scim-app/fault-plan.ts";
import { formatRequest } from "../sim/scim-app/request-log.ts";
import { type ScimAppProfile, startScimApp } from "../sim/scim-app/server.ts";
import { announceUntilStopped, integer } from "./simulator.ts";

const TOKEN = "HYBRID_SIM_TOKEN";
const DEFAULT_HOST = "127.0.0.1";
const DEFAULT_PORT = 8085;
const MAX_PORT = 65_535;
const TOKEN_BYTES = 24;
const DEFECT_WIDTH = 17;

interface ScimAppFlags {
  readonly host: string;
  readonly port: number;
  readonly profile: ScimAppProfile;
  /** true when the flag has no value. */
  readonly token?: string | true;
  readonly faults?: FaultPlan;
  readonly file?: string;
  readonly advertiseCursors?: boolean;
  readonly json?: boolean;
}

export function addSimScimAppCommand(sim: Command): void {
  sim
    .command("scim-app")
    .description("an embedded SCIM 2.0 service provider, which starts empty")
    .option("--host <address>", "address to listen on", DEFAULT_HOST)
    .option(
      "--port <port>",
      "port to listen on; 0 takes any free one",
      integer(0, MAX_PORT),
      DEFAULT_PORT,
    )
    .addOption(
      new Option(
        "--profile <profile>",
        "rfc: to the letter of RFC 7644; entra: with all that Microsoft Entra sends and expects",
      )
        .choices(["rfc", "entra"])
        .default("rfc"),
    )
    .option("--token [token]", `ask for a bearer token: this one, that in ${TOKEN}, or a new one`)
    .option("--faults <faults>", "what befalls requests; see below", parseFaultPlan)
    .option("--file <file.json>", "where to keep the resources; without it they are in memory")
    .option("--advertise-cursors", "tell of cursors (RFC 9865) in /ServiceProviderConfig")
    .option("--json", "print one line of JSON, and no log")
    .addHelpText(
      "after",
      `
The base of all endpoints is the root of the port. Each request is printed as one line without the values in it.
A token on the command line can be seen by others on this machine; one in ${TOKEN} cannot, and is asked for
without the flag too.

Faults: ${FAULT_NOTATION}
A number is the share of requests that it befalls. drop cuts the connection before anything is done, lost afterwards.

Defects, as apps have them; "hybrid-agent scim check" finds each:
${[...DEFECT_DESCRIPTIONS].map(([name, text]) => `  ${name.padEnd(DEFECT_WIDTH)}${text}`).join("\n")}`,
    )
    .action(simulateScimApp);
}

async function simulateScimApp(flags: ScimAppFlags): Promise<void> {
  const { host, port, profile, faults, file, advertiseCursors, json } = flags;
  const token = chosenToken(flags.token);
  const isQuiet = json === true || process.send !== undefined;
  const app = await startScimApp({
    host,
    port,
    profile,
    ...(token === undefined ? {} : { token }),
    ...(faults === undefined ? {} : { faults }),
    ...(file === undefined ? {} : { file }),
    ...(advertiseCursors === undefined ? {} : { advertiseCursors }),
    onError: (error) => process.stderr.write(`${error instanceof Error ? error.stack : error}\n`),
    ...(isQuiet ? {} : { onRequest: (entry) => process.stdout.write(`${formatRequest(entry)}\n`) }),
  });
  try {
    const facts = {
      port: app.port,
      url: app.url,
      profile,
      ...(token === undefined ? {} : { token }),
    };
    await announceUntilStopped(facts, json, [
      `SCIM service provider at ${app.url}, profile ${profile}`,
      // Whoever starts a simulator needs its token; it is worth nothing outside of this machine.
      token === undefined ? "no token is asked for" : `token: ${token}`,
    ]);
  } finally {
    await app.close();
  }
}

function chosenToken(flag: string | true | undefined): string | undefined {
  const kept = process.env[TOKEN];
  const given = typeof flag === "string" ? flag : kept === "" ? undefined : kept;
  if (given === undefined) {
    return flag === true ? randomBytes(TOKEN_BYTES).toString("base64url") : undefined;
  }
  if (/^[\x21-\x7e]+$/.test(given)) return given;
  throw new AgentError("usage", "the token cannot stand in an HTTP header");
}
