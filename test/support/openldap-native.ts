import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Slapd } from "./openldap.ts";
import type { OpenLdapFolder } from "./openldap-folder.ts";

const run = promisify(execFile);

/** Time that loading may take: 100,000 people take about 20 s on two cores. */
const LOAD_TIMEOUT_MS = 300_000;

/** slapd keeps a table with a place for every descriptor that it may open. */
const OPEN_FILES = 1024;

/** Characters of slapd's output that are kept for an error message. */
const OUTPUT_CHARACTERS = 4_000;

/** Debian keeps slapd in a folder that is not on the PATH of an ordinary user. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];

/** Where slapd is installed on this machine, or undefined. */
export function nativeSlapd(): string | undefined {
  return FOLDERS.map((folder) => join(folder, "slapd")).find((path) => existsSync(path));
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

/** Loads the folder with slapadd; `start` then runs slapd on it as a child of this process. */
export async function createNativeSlapd(folder: OpenLdapFolder): Promise<Slapd> {
  const slapd = nativeSlapd();
  if (slapd === undefined) {
    throw new Error(
      "slapd is not installed; on Debian: apt-get install -y --no-install-recommends slapd ldap-utils",
    );
  }
  const configuration = join(folder.path, "slapd.conf");
  await writeFile(configuration, folder.configuration(folder.path), { mode: 0o600 });
  for (const file of folder.ldifFiles) {
    const load = ["-q", "-f", configuration, "-n", "2", "-l", join(folder.path, file)];
    await run(join(slapd, "..", "slapadd"), load, { timeout: LOAD_TIMEOUT_MS });
  }
  const port = await freePort();
  const ldapsPort = folder.tls ? await freePort() : undefined;
  const urls = [`ldap://127.0.0.1:${port}`];
  const ldapiUrl = `ldapi://${encodeURIComponent(join(folder.path, "ldapi"))}`;
  urls.push(ldapiUrl);
  if (ldapsPort !== undefined) urls.push(`ldaps://127.0.0.1:${ldapsPort}`);

  let child: ChildProcess | undefined;
  let output = "";
  const killChild = () => child?.kill("SIGKILL");
  const stop = async () => {
    process.off("exit", killChild);
    if (child === undefined) return;
    const stopping = child;
    child = undefined;
    if (stopping.exitCode === null && stopping.signalCode === null) {
      const exited = once(stopping, "exit");
      stopping.kill("SIGKILL");
      await exited;
    }
    // Its process id may go to somebody else now.
    await rm(join(folder.path, "slapd.pid"), { force: true });
  };
  return {
    runsIn: "native",
    host: "127.0.0.1",
    port,
    ldapsPort,
    ldapiUrl,
    async start() {
      if (child !== undefined) throw new Error("slapd is running already");
      const command = [slapd, "-f", configuration, "-h", urls.join(" "), "-d", "0"];
      const script = `ulimit -n ${OPEN_FILES}; exec "$@"`;
      const started = spawn("sh", ["-c", script, "sh", ...command], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      child = started;
      process.on("exit", killChild);
      started.stderr.on("data", (text: Buffer) => {
        output = (output + text.toString()).slice(-OUTPUT_CHARACTERS);
      });
    },
    running: async () =>
      child !== undefined && child.exitCode === null && child.signalCode === null,
    stop,
    output: async () => output,
    remove: stop,
  };
}
