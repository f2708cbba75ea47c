import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "ldapts";
import { copyDomain, loadDomain, SAMBA_ADMIN, SAMBA_BASE, SAMBA_SYNC } from "./samba-domain.ts";

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const OUTPUT_CHARACTERS = 4_000;
const LDAP_PORT = 389;
/** Addresses of 127.0.0.0/8 that are tried; each Samba has one of its own, since its ports are fixed. */
const ADDRESSES = 200;

export interface Samba {
  readonly url: string;
  readonly address: string;
  readonly baseDn: string;
  readonly adminDn: string;
  readonly adminPassword: string;
  readonly bindDn: string;
  readonly bindPassword: string;
  /** Kills it hard; `start` runs it again on the same data. */
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A Samba AD domain controller with a domain of its own, loaded with the LDIF that is given.
 * @throws Error when Samba is not installed, with the command that installs it
 */
export async function startSamba({ ldif = "" }: { readonly ldif?: string } = {}): Promise<Samba> {
  const folder = await mkdtemp(join(tmpdir(), "samba-"));
  const address = await freeAddress();
  let child: ChildProcess | undefined;
  let output = "";
  const killChild = () => child?.kill("SIGKILL");
  const url = `ldap://${address}`;

  async function stop(): Promise<void> {
    process.off("exit", killChild);
    if (child === undefined) return;
    const stopping = child;
    child = undefined;
    if (stopping.exitCode === null && stopping.signalCode === null) {
      const exited = once(stopping, "exit");
      stopping.kill("SIGKILL");
      await exited;
    }
    await rm(join(folder, "samba.pid"), { force: true });
  }

  async function start(): Promise<void> {
    const args = [
      "-s",
      configuration,
      "-M",
      "single",
      "-F",
      "--no-process-group",
      "--debug-stdout",
    ];
    const started = spawn("/usr/sbin/samba", args, { stdio: ["ignore", "pipe", "pipe"] });
    child = started;
    process.on("exit", killChild);
    for (const stream of [started.stdout, started.stderr]) {
      stream.on("data", (text: Buffer) => {
        output = (output + text.toString()).slice(-OUTPUT_CHARACTERS);
      });
    }
    await writeFile(join(folder, "samba.pid"), String(started.pid));
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await answers(url))) {
      if (started.exitCode !== null || Date.now() > deadline) {
        throw new Error(`Samba does not answer at ${address}:\n${output}`);
      }
      await delay(POLL_MS);
    }
  }

  async function close(): Promise<void> {
    await stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }

  let configuration = "";
  try {
    ({ configuration } = await copyDomain(folder, { address }));
    if (ldif !== "") {
      const file = join(folder, "load.ldif");
      await writeFile(file, ldif);
      await loadDomain(configuration, file);
    }
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    address,
    baseDn: SAMBA_BASE,
    adminDn: SAMBA_ADMIN.dn,
    adminPassword: SAMBA_ADMIN.password,
    bindDn: SAMBA_SYNC.dn,
    bindPassword: SAMBA_SYNC.password,
    stop,
    start,
    close,
  };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ url, connectTimeout: 2_000, timeout: 5_000 });
  try {
    await client.bind(SAMBA_ADMIN.dn, SAMBA_ADMIN.password);
    return true;
  } catch {
    return false;
  } finally {
    await client.unbind().catch(() => undefined);
  }
}

/** Each worker begins elsewhere, and what is taken shows by its port. */
async function freeAddress(): Promise<string> {
  const first = (process.pid * 7) % ADDRESSES;
  for (let n = 0; n < ADDRESSES; n++) {
    const address = `127.0.${80 + (process.pid % 100)}.${1 + ((first + n) % ADDRESSES)}`;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error: Error & { code?: string }) => {
        if (error.code === "EADDRINUSE") resolve(false);
        else reject(new Error(`Samba needs ${address}:${LDAP_PORT}: ${error.message}`));
      });
      server.listen(LDAP_PORT, address, () => resolve(true));
    });
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return address;
  }
  throw new Error("no address of 127.0.0.0/8 is free on port 389");
}
