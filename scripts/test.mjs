// Sets up and runs every test: node scripts/test.mjs [--embedded] [--long] [vitest arguments]
//
// A suite that needs a server which is no part of this project says so in its name: <noun>.<server>.test.ts. With
// --embedded those are left out, by name, and listed. With --long the cells of every matrix run thousands of times instead
// of dozens, with the same seeds first (test/support/run-length.ts).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { output } from "./command.mjs";
import { chooseOpenLdapPlace, removeContainers } from "./openldap-place.mjs";
import { inRoot, prepare, ROOT } from "./prepare.mjs";

const SERVERS = ["openldap"];

const long = process.argv.includes("--long");
/** All of it: installing, building, the image, the tests. */
const TOTAL_TIMEOUT_MS = (long ? 360 : 20) * 60_000;
/** What of that is kept for ending and cleaning up. */
const CLEANUP_MS = 30_000;
/** Between asking vitest to end and making it. */
const GRACE_MS = 10_000;

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
    const end = await vitest(args, join(folder, "report.json"), env);
    const counts = await readReport(join(folder, "report.json"));
    if (end !== "code 0") console.log(`vitest ended with ${end}`);
    if (counts.passed + counts.failed === 0) console.log("no test ran to its end");
    // A test process that died, or an error outside of any test.
    else if (end !== "code 0" && counts.failed === 0) counts.failed = 1;
    console.log(`OpenLDAP ran in ${place.name}`);
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
    return end === "code 0" && counts.failed === 0 && counts.passed > 0 ? 0 : 1;
  } finally {
    await killSlapds(folder);
    await removeContainers(place, runId);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** @returns how it ended: "code 0", "code 1", "SIGTERM", "the time limit" */
async function vitest(args, reportFile, env) {
  const program = inRoot("node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${reportFile}`];
  const config = ["run", "--config", inRoot("test", "vitest.config.ts")];
  const child = spawn(
    process.execPath,
    [program, ...config, ...reporters, ...args, ...vitestArgs],
    {
      cwd: ROOT,
      env,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  let tooLong = false;
  const end = () => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  };
  const limit = setTimeout(
    () => {
      tooLong = true;
      end();
    },
    Math.max(0, TOTAL_TIMEOUT_MS - CLEANUP_MS - (Date.now() - started)),
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, end);
  const [code, signal] = await once(child, "exit");
  clearTimeout(limit);
  if (tooLong) return `the time limit of ${TOTAL_TIMEOUT_MS / 60_000} minutes`;
  return signal ?? `code ${code}`;
}

async function readReport(file) {
  let report;
  try {
    report = JSON.parse(await readFile(file, "utf8"));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
  // A file that could not be loaded, or whose setup failed, has no failed test of its own.
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Ends the native slapds of test processes that died before they could. */
async function killSlapds(folder) {
  for (const name of await readdir(folder)) {
    const text = await readFile(join(folder, name, "slapd.pid"), "utf8").catch(() => "");
    const id = Number.parseInt(text, 10);
    if (!(id > 0)) continue;
    const command = await output("ps", ["-p", String(id), "-o", "args="]);
    if (command?.includes(join(folder, name))) process.kill(id, "SIGKILL");
  }
}
