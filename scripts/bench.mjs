// Runs the benches one after the other: node scripts/bench.mjs [names]

import { readdir } from "node:fs/promises";
import { run } from "./command.mjs";
import { inRoot, prepare, ROOT } from "./prepare.mjs";

try {
  await prepare();
  const files = await readdir(inRoot("scripts", "bench")).catch(() => []);
  const all = files.filter((file) => file.endsWith(".mjs")).map((file) => file.slice(0, -4));
  const chosen = process.argv.slice(2);
  const unknown = chosen.filter((name) => !all.includes(name));
  if (all.length === 0) throw new Error("there are no benches in scripts/bench");
  if (unknown.length > 0) {
    throw new Error(`no such bench: ${unknown.join(", ")} (there are: ${all.sort().join(", ")})`);
  }
  for (const name of (chosen.length > 0 ? chosen : all).sort()) {
    console.log(`\n--- ${name}`);
    await run(process.execPath, [inRoot("scripts", "bench", `${name}.mjs`)], { cwd: ROOT }).catch(
      (error) => {
        console.log(error.message);
        process.exitCode = 1;
      },
    );
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
