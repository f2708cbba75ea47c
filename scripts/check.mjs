// Everything about the code that is no test: node scripts/check.mjs [names of steps]

import { output, run } from "./command.mjs";
import { checkNode, inRoot, installPackages, ROOT } from "./prepare.mjs";

const STEP_TIMEOUT_MS = 300_000;

/** A published package holds nothing else. */
const PACKAGED =
  /^(dist\/agent\/|config\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$|agent\.example\.yaml$)/;

const STEPS = {
  build: () => node(inRoot("scripts", "build.mjs")),
  types: () => tool("typescript/bin/tsc", "--noEmit", "-p", "test/tsconfig.json"),
  lint: () => tool("@biomejs/biome/bin/biome", "check", "--error-on-warnings"),
  unused: () => tool("knip/bin/knip.js"),
  generated: () => node(inRoot("scripts", "generate.mjs"), "--check"),
  packaging: checkPackage,
};

try {
  checkNode();
  await installPackages();
  process.exitCode = await runSteps(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function runSteps(chosen) {
  const unknown = chosen.filter((name) => !(name in STEPS));
  if (unknown.length > 0) {
    throw new Error(
      `no such step: ${unknown.join(", ")} (there are ${Object.keys(STEPS).join(", ")})`,
    );
  }
  const summary = [];
  for (const [name, step] of Object.entries(STEPS)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    console.log(`\n--- ${name}`);
    const started = Date.now();
    const failure = await step().then(
      () => undefined,
      (error) => error,
    );
    if (failure !== undefined) console.log(failure.message);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    summary.push({ failed: failure !== undefined, line: `${name} ${seconds} s` });
  }
  console.log("\n--- summary");
  for (const { failed, line } of summary) console.log(`${failed ? "FAILED" : "ok    "} ${line}`);
  return summary.some(({ failed }) => failed) ? 1 : 0;
}

function node(...args) {
  return run(process.execPath, args, { cwd: ROOT, timeoutMs: STEP_TIMEOUT_MS });
}

function tool(path, ...args) {
  return node(inRoot("node_modules", ...path.split("/")), ...args);
}

/** Packs without writing, and looks at what would be published. */
async function checkPackage() {
  await tool("publint/src/cli.js", "--strict", "--pack", "npm");
  const pack = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const text = await output("npm", pack, { cwd: ROOT, timeoutMs: STEP_TIMEOUT_MS });
  if (text === undefined) throw new Error("npm pack failed");
  const [{ files, size }] = JSON.parse(text);
  const paths = files.map(({ path }) => path);
  const strangers = paths.filter((path) => !PACKAGED.test(path));
  if (strangers.length > 0) throw new Error(`would be published: ${strangers.join(", ")}`);
  for (const needed of ["dist/agent/cli/main.js", "LICENSE", "README.md"]) {
    if (!paths.includes(needed)) throw new Error(`would not be published: ${needed}`);
  }
  console.log(`${paths.length} files, ${Math.round(size / 1024)} KiB`);
}
