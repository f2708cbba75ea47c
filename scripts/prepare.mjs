// What a fresh clone lacks before anything can run: installed packages and compiled sources.

import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./command.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

const OLDEST_NODE = [20, 19];
const INSTALL_TIMEOUT_MS = 300_000;
const BUILD_TIMEOUT_MS = 180_000;

/** Path of a file in the project. */
export function inRoot(...names) {
  return join(ROOT, ...names);
}

/** @throws Error when this Node is too old */
export function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new Error(
    `Node ${OLDEST_NODE.join(".")} or newer is needed; this is ${process.versions.node} (${process.execPath})`,
  );
}

/** Installs what the lockfile names, unless that was done since the lockfile changed. */
export async function installPackages() {
  const installed = inRoot("node_modules", ".package-lock.json");
  const lockfile = inRoot("package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockfile).mtimeMs) return;
  console.log("installing packages: npm ci");
  await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: ROOT,
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
}

/**
 * Compiles `agent/` to `dist/agent/`, unless `dist` belongs to the sources as they are. A build that fails leaves the
 * old one in place.
 */
export async function build({ force = false } = {}) {
  const fingerprint = await fingerprintSources();
  const stamp = inRoot("dist", ".sources");
  if (!force && existsSync(stamp) && (await readFile(stamp, "utf8")) === fingerprint) return;
  console.log("building: tsc");
  // On the disk of `dist`, so that it can be moved there in one go.
  const fresh = inRoot("node_modules", ".cache", `dist-${process.pid}`);
  await mkdir(fresh, { recursive: true });
  try {
    const compiler = inRoot("node_modules", "typescript", "bin", "tsc");
    const args = [compiler, "-p", inRoot("tsconfig.json"), "--outDir", fresh];
    await run(process.execPath, args, { cwd: ROOT, timeoutMs: BUILD_TIMEOUT_MS });
    const command = join(fresh, "agent", "cli", "main.js");
    if (existsSync(command)) await chmod(command, 0o755);
    await writeFile(join(fresh, ".sources"), fingerprint);
    await rm(inRoot("dist"), { recursive: true, force: true });
    await rename(fresh, inRoot("dist"));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** All three, in the order in which they depend on each other. */
export async function prepare() {
  checkNode();
  await installPackages();
  await build();
}

async function fingerprintSources() {
  const names = (await readdir(inRoot("agent"), { recursive: true })).filter((name) =>
    name.endsWith(".ts"),
  );
  const paths = [...names.sort().map((name) => join("agent", name)), "tsconfig.json"];
  const digest = createHash("sha256");
  for (const path of [...paths, "package-lock.json"]) {
    const { mtimeMs, size } = await stat(inRoot(path));
    digest.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return digest.digest("hex");
}
