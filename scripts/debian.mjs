// Programs that Debian packages bring.

import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { run } from "./command.mjs";

const PACKAGES_OF = {
  slapd: ["slapd"],
  ldapsearch: ["ldap-utils"],
  openssl: ["openssl"],
  // What a domain controller needs is spread over many, and some are only recommended.
  samba: [
    ...["samba", "samba-ad-dc", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules"],
    ...["winbind", "ldb-tools", "python3-samba"],
  ],
};

/** Debian keeps servers in a folder that is not on the PATH of an ordinary user. */
const SERVER_FOLDERS = ["/usr/sbin", "/usr/local/sbin"];

const INSTALL_TIMEOUT_MS = 300_000;

/** Makes a package's script refuse to start its service: the tests start their own, the machine needs none. */
const POLICY = "/usr/sbin/policy-rc.d";

/** Whether a program is on the PATH or where servers are. */
export function hasProgram(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...SERVER_FOLDERS];
  return folders.some((folder) => existsSync(join(folder, name)));
}

/**
 * Installs what is missing of these programs, on Debian and as root; elsewhere names the command.
 * @returns whether all of them are there now
 */
export async function ensurePrograms(names) {
  const missing = names.filter((name) => !hasProgram(name));
  if (missing.length === 0) return true;
  const packages = missing.flatMap((name) => PACKAGES_OF[name]);
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) {
    console.log(
      `not installed: ${missing.join(", ")}. On Debian, as root: apt-get ${install.join(" ")}`,
    );
    return false;
  }
  console.log(`installing Debian packages: ${packages.join(", ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, quiet: true, timeoutMs: INSTALL_TIMEOUT_MS };
  await run("apt-get", ["update"], options);
  await withoutServices(() => run("apt-get", install, options));
  return names.every(hasProgram);
}

async function withoutServices(install) {
  if (existsSync(POLICY)) return install();
  await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    return await install();
  } finally {
    await rm(POLICY, { force: true });
  }
}
