import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { loadConfig } from "../config/agent-config.ts";
import { packageFile } from "../config/package-file.ts";
import type { Requester } from "../ports.ts";
import { openRequester } from "../service/open-requester.ts";
import { Releasers } from "../service/releasers.ts";
import { openCommandLog } from "./context.ts";
import { DemoLoop, type DemoLoopOptions } from "./demo-loop.ts";
import { DemoProcess } from "./demo-process.ts";
import { DemoScript } from "./demo-script.ts";
import { writeLine } from "./output.ts";

interface DemoFlags {
  readonly once?: boolean;
  readonly people: string;
  readonly logs?: boolean;
}

export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description(
      "everything on this machine: a company's directory, a Service Bus, the agent, requests to it, and the provisioning of a SCIM app",
    )
    .option(
      "--once",
      "end after that, with exit code 0 when all answers are right and app and directory agree",
    )
    .option("--people <count>", "how many people the company has", "200")
    .option("--no-logs", "do not show the agent's log")
    .action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const releasers = new Releasers();
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => resolve());
  });
  try {
    const stage = await setStage(flags, releasers);
    const script = new DemoScript({ requester: stage.requester, people: Number(flags.people) });
    const answers = await script.play();
    const loop = new DemoLoop(stage.loop);
    const failures = answers + (await loop.play());
    process.exitCode = failures === 0 ? 0 : 1;
    if (flags.once === true) return;
    await writeLine(`
It goes on until Ctrl+C. Ask the agent yourself from another terminal:
  node dist/agent/cli/main.js request GET /agent/health --config ${stage.configPath}
  node dist/agent/cli/main.js request POST /Users/.search --filter 'title sw "Head"' --config ${stage.configPath}
  node dist/agent/cli/main.js scope preview --config ${stage.configPath}
Or the provisioning service:
  node dist/agent/cli/main.js provisioning status --config ${stage.loop.configPath}
  node dist/agent/cli/main.js provisioning logs --limit 5 --details --config ${stage.loop.configPath}`);
    await interrupted;
    await writeLine("\nstopping");
  } finally {
    await releasers.run();
  }
}

interface Stage {
  readonly requester: Requester;
  readonly configPath: string;
  readonly loop: DemoLoopOptions;
}

/** Starts directory, broker, agent and app, each a process of its own, and a requester in this one. */
async function setStage(flags: DemoFlags, releasers: Releasers): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "hybrid-agent-demo-"));
  releasers.add(() => rm(folder, { recursive: true, force: true }));
  const password = randomBytes(18).toString("base64url");

  await writeLine("starting a directory, a service bus and an agent, each in a process of its own");
  const directory = await DemoProcess.start<{ readonly url: string }>(
    ["sim", "directory", "--port", "0", "--people", flags.people],
    { name: "directory", env: { HYBRID_SIM_PASSWORD: password }, onLine: quiet },
  );
  releasers.add(() => directory.process.stop());
  await ready("directory", `LDAP at ${directory.facts.url}, ${flags.people} people`);

  const broker = await DemoProcess.start<{
    readonly port: number;
    readonly connectionString: string;
  }>(["sim", "broker", "--port", "0"], { name: "broker", env: {}, onLine: quiet });
  releasers.add(() => broker.process.stop());
  await ready(
    "service bus",
    `AMQP 1.0 at 127.0.0.1:${broker.facts.port}, queues requests and replies`,
  );

  const configPath = await writeConfig(folder, {
    url: directory.facts.url,
    password,
    connectionString: broker.facts.connectionString,
  });
  const agent = await DemoProcess.start<unknown>(["run", "--config", configPath], {
    name: "agent",
    env: {},
    onLine: flags.logs === false ? quiet : printLogLine,
  });
  releasers.add(() => agent.process.stop());
  await ready("agent", `pid ${agent.process.pid}, config/demo.yaml`);

  const app = await DemoProcess.start<{ readonly url: string; readonly token: string }>(
    ["sim", "scim-app", "--port", "0", "--profile", "entra"],
    {
      name: "scim app",
      env: { HYBRID_SIM_TOKEN: randomBytes(18).toString("base64url") },
      onLine: quiet,
    },
  );
  releasers.add(() => app.process.stop());
  await ready("scim app", `SCIM 2.0 at ${app.facts.url}`);

  const requester = await openDemoRequester(configPath);
  releasers.add(() => requester.close());
  const loop = {
    configPath: await writeProvisioningConfig(folder, app.facts),
    directory: directory.process,
    app: app.facts,
    releasers,
  };
  return { requester, configPath, loop };
}

/** `config/demo-provisioning.yaml` with the port of this run. */
async function writeProvisioningConfig(
  folder: string,
  facts: { readonly url: string; readonly token: string },
): Promise<string> {
  await writeFile(join(folder, "app-token"), facts.token, { mode: 0o600 });
  const template = await readFile(packageFile("config/demo-provisioning.yaml"), "utf8");
  const text = template
    .replace("http://127.0.0.1:8085", facts.url)
    .replace(/\$\{env:HYBRID_DEMO_BUS\}/, () => `\${file:${join(folder, "bus")}}`)
    .replace(/\$\{env:HYBRID_DEMO_APP_TOKEN\}/, () => `\${file:${join(folder, "app-token")}}`)
    .replace("provisioning.db", join(folder, "state", "provisioning.db"));
  const path = join(folder, "provisioning.yaml");
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** `config/demo.yaml` with the ports of this run; secrets in files beside it, so that other commands can use it too. */
async function writeConfig(
  folder: string,
  facts: { readonly url: string; readonly password: string; readonly connectionString: string },
): Promise<string> {
  await writeFile(join(folder, "bus"), facts.connectionString, { mode: 0o600 });
  await writeFile(join(folder, "password"), facts.password, { mode: 0o600 });
  const template = await readFile(packageFile("config/demo.yaml"), "utf8");
  const text = template
    .replace("ldap://127.0.0.1:3890", facts.url)
    .replace(/\$\{env:HYBRID_DEMO_BUS\}/, () => `\${file:${join(folder, "bus")}}`)
    .replace(/\$\{env:HYBRID_DEMO_LDAP_PASSWORD\}/, () => `\${file:${join(folder, "password")}}`);
  const path = join(folder, "agent.yaml");
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function openDemoRequester(configPath: string): Promise<Requester> {
  const { config } = await loadConfig(configPath);
  return openRequester(config.bus, { log: openCommandLog() });
}

async function ready(name: string, what: string): Promise<void> {
  await writeLine(`  ${name.padEnd(12)} ${what}`);
}

function quiet(): void {}

function printLogLine(line: string): void {
  process.stdout.write(`      log | ${line}\n`);
}
