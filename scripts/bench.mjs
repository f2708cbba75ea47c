// Runs the benches, one at a time: npm run bench -- [vitest arguments]. They print what they measure and judge nothing.

import { run } from "./command.mjs";
import { ensurePrograms } from "./debian.mjs";
import { inRoot, prepare, ROOT } from "./prepare.mjs";

try {
  await prepare();
  // Natively, since a container's network would be measured too.
  if (!(await ensurePrograms(["slapd", "ldapsearch", "openssl"])))
    throw new Error("slapd is missing");
  const program = inRoot("node_modules", "vitest", "vitest.mjs");
  const config = inRoot("test", "bench", "vitest.config.ts");
  const args = [program, "run", "--config", config, "--reporter=dot", ...process.argv.slice(2)];
  await run(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, OPENLDAP_RUNS_IN: "native" },
  });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
