// Sets up and runs every test: node scripts/test.mjs [--embedded] [--long] [vitest arguments]
//
// A suite that needs a server which is no part of this project says so in its name: <noun>.<server>.test.ts. With
// --embedded those are left out, by name, and listed. With --long the cells of every matrix run thousands of times instead
// of dozens, with the same seeds first (test/support/run-length.ts).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { output } from "./command.mjs";
import { ensurePrograms } from "./debian.mjs";
import { chooseOpenLdapPlace, removeContainers } from "./openldap-place.mjs";
import { inRoot, prepare, ROOT } from "./prepare.mjs";
import { TestRun } from "./test-run.mjs";

const SERVERS = ["openldap", "samba"];

const long = process.argv.includes("--long");
/** All of it: installing, building, the image, the tests. */
const TOTAL_TIMEOUT_MS = (long ? 360 : 20) * 60_000;
/** What of that is kept for ending and cleaning up. */
const CLEANUP_MS = 30_000;
/** Between asking vitest to end and making it. */
const GRACE_MS = 10_000;
const STALL_CHECK_MS = 10_000;
/** Test files at once: they start real servers, of which two cores carry two. */
const WORKERS = 2;

const started = Date.now();
const embedded = process.argv.includes("--embedded");
const OPTIONS = ["--embedded", "--long"];
const vitestArgs = process.argv.slice(2).filter((argument) => !OPTIONS.includes(argument));

try {
  await prepare();
  process.exitCode = embedded ? await testEmbedded() : await testAll();
} catch (error) {
  console.error(`the tests did not run: ${error.message}`);
  console.log("0 passed, 0 failed");
  process.exitCode = 1;
}

async function testAll() {
  const place = await chooseOpenLdapPlace();
  console.log(`OpenLDAP runs in ${place.name}`);
  if (!(await ensurePrograms(["samba"]))) console.log("the suites that need Samba will fail");
  return runTests(place, []);
}

async function testEmbedded() {
  const names = await readdir(inRoot("test"), { recursive: true });
  const suffixes = SERVERS.map((server) => `.${server}.test.ts`);
  const left = names.filter((name) => suffixes.some((suffix) => name.endsWith(suffix)));
  console.log("left out, because they need a server:");
  for (const name of left.sort()) console.log(`  test/${name}`);
  const place = {
    name: `nothing (--embedded, files left out: ${left.length})`,
    env: { OPENLDAP_RUNS_IN: "none" },
  };
  return runTests(
    place,
    suffixes.flatMap((suffix) => ["--exclude", `**/*${suffix}`]),
  );
}

/** Everything that tests put into the temporary folder goes into one that is removed afterwards. */
async function runTests(place, args) {
  const folder = await mkdtemp(join(tmpdir(), "hybrid-sync-agent-test-"));
  const runId = `${process.pid}-${started}`;
  try {
    const length = long ? { LONG: "1" } : {};
    const env = { ...process.env, ...place.env, ...length, TMPDIR: folder, TEST_RUN: runId };
    const runs = [await vitest([...args, ...vitestArgs], folder, env)];
    if (runs[0].end === "a stall" && process.env.CI !== undefined) {
      console.log("what had not ended is run once more");
      const files = runs[0].run.unfinished().map(({ file }) => relative(ROOT, file));
      runs.push(await vitest(files, folder, env));
    }
    const { end } = runs.at(-1);
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const { run } of runs) {
      for (const key of Object.keys(counts)) counts[key] += run.counts()[key];
    }
    if (end !== "code 0") console.log(`vitest ended with ${end}`);
    if (counts.passed + counts.failed === 0) console.log("no test ran to its end");
    // A test process that died or stands still, or an error outside of any test.
    else if (end !== "code 0" && counts.failed === 0) counts.failed = 1;
    console.log(`OpenLDAP ran in ${place.name}`);
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
    return end === "code 0" && counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  } finally {
    await killServers(folder);
    await removeContainers(place, runId);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @returns how it ended ("code 0", "code 1", "SIGTERM", "the time limit …", "a stall") and what it came to */
async function vitest(args, folder, env) {
  const program = inRoot("node_modules", "vitest", "vitest.mjs");
  const progress = join(folder, `progress-${Date.now()}`);
  const reporters = ["--reporter=default", `--reporter=${inRoot("scripts", "test-progress.mjs")}`];
  const config = ["run", "--config", inRoot("test", "vitest.config.ts")];
  const child = spawn(process.execPath, [program, ...config, ...reporters, ...args], {
    cwd: ROOT,
    env: { ...env, TEST_PROGRESS: progress, TEST_WORKERS: String(WORKERS) },
    // A group of its own, so that a worker that stands still can be ended with it.
    detached: process.platform !== "win32",
    stdio: ["ignore", "inherit", "inherit"],
  });
  const run = new TestRun(progress, { workers: WORKERS });
  let endedFor;
  const end = () => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  };
  const endFor = async (reason) => {
    if (endedFor !== undefined) return;
    endedFor = reason;
    await run.update();
    console.log("not ended:");
    for (const { file, tests } of run.unfinished()) {
      console.log(`  ${relative(ROOT, file)}${tests.map((name) => `\n    ${name}`).join("")}`);
    }
    end();
  };
  const limit = setTimeout(
    () => endFor(`the time limit of ${TOTAL_TIMEOUT_MS / 60_000} minutes`),
    Math.max(0, TOTAL_TIMEOUT_MS - CLEANUP_MS - (Date.now() - started)),
  );
  // Of a long run, one test may last for hours.
  const watch = long ? undefined : setInterval(checkStall, STALL_CHECK_MS);
  async function checkStall() {
    const reason = await run.stall();
    if (reason === undefined || endedFor !== undefined) return;
    console.log(reason);
    await endFor("a stall");
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);
  const [code, signal] = await once(child, "exit");
  clearTimeout(limit);
  clearInterval(watch);
  if (endedFor !== undefined) killGroup(child.pid);
  await run.update();
  return { run, end: endedFor ?? signal ?? `code ${code}` };
}

function killGroup(id) {
  try {
    process.kill(-id, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Ends the native servers of test processes that died before they could. */
async function killServers(folder) {
  for (const name of await readdir(folder)) {
    for (const file of ["slapd.pid", "samba.pid"]) {
      const text = await readFile(join(folder, name, file), "utf8").catch(() => "");
      const id = Number.parseInt(text, 10);
      if (!(id > 0)) continue;
      const command = await output("ps", ["-p", String(id), "-o", "args="]);
      if (command?.includes(join(folder, name))) process.kill(id, "SIGKILL");
    }
  }
}
