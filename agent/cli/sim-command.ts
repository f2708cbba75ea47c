import type { Command } from "commander";
import { DEFAULT_SEED, MAX_PEOPLE } from "../sim/company/company.ts";
import { DEFAULT_BASE_DN } from "../sim/company/landmark.ts";
import { CompanyDrift } from "../sim/directory/company-drift.ts";
import { startDirectory } from "../sim/directory/server.ts";
import { addSimBrokerCommand } from "./sim-broker-command.ts";
import { addSimScimAppCommand } from "./sim-scim-app-command.ts";
import { announceUntilStopped, integer } from "./simulator.ts";

const DIRECTORY_PASSWORD = "HYBRID_SIM_PASSWORD";

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
  addSimBrokerCommand(sim);
  addSimScimAppCommand(sim);
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
  answerParent(new CompanyDrift(directory.store, { seed: flags.seed }));
  await announceUntilStopped({ port, url, baseDn, bindDn }, flags.json, [
    `LDAP directory at ${url}, base ${baseDn}, ${flags.people} people (seed ${flags.seed})`,
    `bind as ${bindDn}`,
  ]);
  await directory.close();
}

/** What the process that started this one may ask of it: to let things happen, and what there is. */
export type DirectoryQuestion = { readonly drift: number } | { readonly objects: true };

function answerParent(company: CompanyDrift): void {
  process.on("message", (question: DirectoryQuestion) => {
    process.send?.("drift" in question ? company.drift(question.drift) : company.objects());
  });
  // Listening alone must not keep the process alive.
  process.channel?.unref();
}
