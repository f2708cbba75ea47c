import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import type { Slapd } from "./openldap.ts";
import { CERTIFICATE_FILES } from "./openldap-certificates.ts";
import type { OpenLdapFolder } from "./openldap-folder.ts";
import { freePort } from "./openldap-native.ts";

/** Time from creating the container to slapd listening, loading included. */
const STARTUP_TIMEOUT_MS = 300_000;

/** slapd keeps a table with a place for every descriptor that it may open. */
const OPEN_FILES = 1024;

/** Lines of the container's output that are kept for an error message. */
const OUTPUT_LINES = 40;

const DIRECTORY = "/openldap";
const LOOPBACK = ["localhost", "127.0.0.1"];
const LDAP_PORT = 389;
const LDAPS_PORT = 636;

/** Containers carry it so that scripts/openldap-place.mjs can remove those of a run that died. */
const RUN_LABEL = "hybrid-sync-agent.run";

/** A port of the host that other machines do not see. */
class LoopbackContainer extends GenericContainer {
  protected override async beforeContainerCreated(): Promise<void> {
    const client = await getContainerRuntimeClient();
    if (!LOOPBACK.includes(client.info.containerRuntime.host)) return;
    const bindings = (this.hostConfig.PortBindings ?? {}) as Record<string, { HostIp?: string }[]>;
    for (const binding of Object.values(bindings).flat()) binding.HostIp = "127.0.0.1";
  }
}

/** Loads once; a container that was stopped finds its database when it starts again. */
function runScript(folder: OpenLdapFolder): string {
  const loads = folder.ldifFiles.map(
    (file) => `  slapadd -q -f ${DIRECTORY}/slapd.conf -n 2 -l ${DIRECTORY}/${file}`,
  );
  const urls = `ldap://0.0.0.0:${LDAP_PORT} ${folder.tls ? `ldaps://0.0.0.0:${LDAPS_PORT}` : ""}`;
  return [
    "set -e",
    `mkdir -p /var/run/slapd ${DIRECTORY}/db ${DIRECTORY}/log`,
    `if [ ! -e ${DIRECTORY}/loaded ]; then`,
    ...loads,
    `  touch ${DIRECTORY}/loaded`,
    "fi",
    `exec slapd -f ${DIRECTORY}/slapd.conf -h "${urls}" -d 256`,
    "",
  ].join("\n");
}

/** Creates a container from the image in the environment variable OPENLDAP_IMAGE; it loads the folder when it starts. */
export async function createContainerSlapd(folder: OpenLdapFolder): Promise<Slapd> {
  const image = process.env["OPENLDAP_IMAGE"];
  if (!image) {
    throw new Error(
      "OPENLDAP_IMAGE names no image; build one and set it: node scripts/openldap-image.mjs",
    );
  }
  await writeFile(join(folder.path, "slapd.conf"), folder.configuration(DIRECTORY));
  await writeFile(join(folder.path, "run.sh"), runScript(folder));
  const files = ["slapd.conf", "run.sh", ...folder.ldifFiles];
  if (folder.tls) files.push(...Object.values(CERTIFICATE_FILES));

  // A port that docker picks is another one after every start.
  const port = await freePort();
  const ldapsPort = folder.tls ? await freePort() : undefined;
  const ports = [{ container: LDAP_PORT, host: port }];
  if (ldapsPort !== undefined) ports.push({ container: LDAPS_PORT, host: ldapsPort });

  const output: string[] = [];
  const blueprint = new LoopbackContainer(image)
    .withCopyFilesToContainer(
      files.map((file) => ({ source: join(folder.path, file), target: `${DIRECTORY}/${file}` })),
    )
    .withCommand(["bash", `${DIRECTORY}/run.sh`])
    .withExposedPorts(...ports)
    .withUlimits({ nofile: { soft: OPEN_FILES, hard: OPEN_FILES } })
    .withLabels({ [RUN_LABEL]: process.env["TEST_RUN"] ?? "none" })
    .withLogConsumer((stream) => {
      stream.on("data", (text: string | Buffer) => {
        output.push(text.toString());
        if (output.length > OUTPUT_LINES) output.shift();
      });
    })
    .withWaitStrategy(Wait.forLogMessage("slapd starting"))
    .withStartupTimeout(STARTUP_TIMEOUT_MS);

  const started: StartedTestContainer = await blueprint.start().catch((cause: unknown) => {
    throw new Error(`the OpenLDAP container did not start:\n${output.join("")}`, { cause });
  });
  const client = await getContainerRuntimeClient();
  const container = client.container.getById(started.getId());
  const state = async () => (await container.inspect()).State;
  const host = started.getHost();
  return {
    runsIn: "container",
    host: LOOPBACK.includes(host) ? "127.0.0.1" : host,
    port,
    ldapsPort,
    async start() {
      if (!(await state()).Running) await container.start();
    },
    running: async () => (await state()).Running,
    async stop() {
      if (!(await state()).Running) return;
      await container.kill({ signal: "SIGKILL" }).catch(async (error: unknown) => {
        // Somebody else's stop may have been faster.
        if ((await state()).Running) throw error;
      });
    },
    output: async () => output.join(""),
    async remove() {
      await container.remove({ force: true, v: true });
    },
  };
}
