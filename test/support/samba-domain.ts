import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export const SAMBA_BASE = "DC=ad,DC=example,DC=test";
export const SAMBA_ADMIN = { dn: "administrator@ad.example.test", password: "Passw0rd!" } as const;
/** May replicate, so that DirSync tells deletions. */
export const SAMBA_SYNC = { dn: "sync@ad.example.test", password: "Sync-passw0rd" } as const;
/** May read what everybody in the domain may, and no more. */
export const SAMBA_READER = { dn: "reader@ad.example.test", password: "Read-passw0rd" } as const;

/** A new domain takes 6 s; that of another process is waited for. */
const PROVISION_TIMEOUT_MS = 120_000;
const LOCK_POLL_MS = 200;
const COMMAND_TIMEOUT_MS = 300_000;
const MISSING =
  "Samba is not installed; on Debian: apt-get install -y --no-install-recommends samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind ldb-tools python3-samba";

/** Stands in the configuration of the domain that is copied, for the folder and the address of the copy. */
const PLACE = { folder: "@FOLDER@", address: "@ADDRESS@" } as const;

/**
 * A domain with nothing in it but two accounts, which is copied for each test file; made once a run.
 * @returns its folder
 */
async function pristineDomain(): Promise<string> {
  const folder = join(tmpdir(), `samba-pristine-${process.getuid?.() ?? 0}`);
  const ready = join(folder, "ready");
  const lock = `${folder}.lock`;
  const deadline = Date.now() + PROVISION_TIMEOUT_MS;
  for (;;) {
    if (existsSync(ready)) return folder;
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
      if (Date.now() > deadline) throw new Error(`another process does not end with ${lock}`);
      await delay(LOCK_POLL_MS);
    }
  }
  try {
    if (!existsSync(ready)) await provision(folder, ready);
    return folder;
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function provision(folder: string, ready: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const made = `${folder}.made`;
  await rm(made, { recursive: true, force: true });
  await mkdir(made, { recursive: true });
  // Given to it, so that the machine's own smb.conf has no part in this.
  await writeFile(join(made, "none.conf"), "");
  const domain = ["domain", "provision", "-s", join(made, "none.conf"), "--server-role=dc"];
  const names = ["--realm=AD.EXAMPLE.TEST", "--domain=ADTEST", "--host-name=dc1"];
  const rest = ["--dns-backend=NONE", "--host-ip=127.0.0.1", `--adminpass=${SAMBA_ADMIN.password}`];
  await command("samba-tool", [...domain, ...names, ...rest, `--targetdir=${made}`]);
  const file = join(made, "etc", "smb.conf");
  const lines = (await readFile(file, "utf8"))
    .split("\n")
    .filter((line) => !line.includes("server services"));
  const folders = ["pid directory", "ncalrpc dir", "winbindd socket directory"];
  const added = [
    "server services = ldap",
    "ldap server require strong auth = no",
    `interfaces = ${PLACE.address}/8`,
    "bind interfaces only = yes",
    ...folders.map((name) => `${name} = ${PLACE.folder}/run/${name.split(" ")[0]}`),
    `ntp signd socket directory = ${PLACE.folder}/run/ntp`,
    "log level = 1",
  ];
  lines.splice(lines.indexOf("[global]") + 1, 0, ...added.map((line) => `\t${line}`));
  await writeFile(file, lines.join("\n").replaceAll(made, PLACE.folder));
  await writeFile(`${file}.provision`, lines.join("\n"));
  const at = ["-s", `${file}.provision`, "-H", join(made, "private", "sam.ldb")];
  await command("samba-tool", ["user", "create", "sync", SAMBA_SYNC.password, ...at]);
  await command("samba-tool", ["user", "create", "reader", SAMBA_READER.password, ...at]);
  const rights = ["dsacl", "set", `--objectdn=${SAMBA_BASE}`, "--action=allow", "--trusteedn"];
  const trustee = `CN=sync,CN=Users,${SAMBA_BASE}`;
  await command("samba-tool", [...rights, trustee, `--sddl=${await replicationSddl(at)}`, ...at]);
  await rm(`${file}.provision`);
  await rename(made, folder);
  await writeFile(ready, "");
}

/** DS-Replication-Get-Changes, MS-ADTS section 5.1.3.2.1. */
async function replicationSddl(at: readonly string[]): Promise<string> {
  const shown = await command("samba-tool", ["user", "show", "sync", ...at]);
  const sid = /^objectSid: (S-[\d-]+)$/m.exec(shown)?.[1];
  if (sid === undefined) throw new Error("the account sync has no SID");
  return `(OA;;CR;1131f6aa-9c07-11d1-f79f-00c04fc2dcd2;;${sid})`;
}

/** Copies the domain to a folder of its own, for an address of its own. */
export async function copyDomain(
  folder: string,
  { address }: { readonly address: string },
): Promise<{ readonly configuration: string }> {
  const pristine = await pristineDomain();
  await command("cp", ["-a", "--sparse=always", `${pristine}/.`, folder]);
  for (const name of ["pid", "ncalrpc", "winbindd", "ntp"]) {
    await mkdir(join(folder, "run", name), { recursive: true });
  }
  const configuration = join(folder, "etc", "smb.conf");
  const text = await readFile(configuration, "utf8");
  const own = text.replaceAll(PLACE.folder, folder).replaceAll(PLACE.address, address);
  await writeFile(configuration, own);
  return { configuration };
}

/** Loads LDIF into a domain that does not run. */
export async function loadDomain(configuration: string, ldifFile: string): Promise<void> {
  const script = new URL("samba-load.py", import.meta.url).pathname;
  await command("/usr/bin/python3", [script, configuration, ldifFile]);
}

async function command(program: string, args: readonly string[]): Promise<string> {
  try {
    const options = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: 64 << 20 };
    return (await run(program, [...args], options)).stdout;
  } catch (cause) {
    if ((cause as { code?: unknown }).code === "ENOENT") throw new Error(MISSING, { cause });
    throw cause;
  }
}
