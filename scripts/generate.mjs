// Writes the generated files, or with --check names those that are stale: node scripts/generate.mjs [--check]

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { inRoot, prepare } from "./prepare.mjs";

const check = process.argv.includes("--check");

try {
  await prepare();
  const { generatedFiles } = await import("../dist/agent/config/generate.js");
  const files = await generatedFiles();
  if (files.length === 0) throw new Error("the generator names no file");
  const stale = [];
  for (const file of files) {
    const old = await readFile(inRoot(file.path), "utf8").catch(() => undefined);
    if (old !== file.content) stale.push({ ...file, problem: describe(old, file.content) });
  }
  for (const { path, content, problem } of stale) {
    console.log(check ? `stale: ${path}: ${problem}` : `writing ${path}`);
    if (check) continue;
    await mkdir(dirname(inRoot(path)), { recursive: true });
    await writeFile(inRoot(path), content);
  }
  console.log(`${files.length} generated files, ${stale.length} ${check ? "stale" : "written"}`);
  if (check && stale.length > 0) {
    console.log("run: npm run generate");
    process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** The first line that differs. */
function describe(old, content) {
  if (old === undefined) return "missing";
  const [was, is] = [old.split("\n"), content.split("\n")];
  const line = is.findIndex((text, index) => text !== was[index]);
  if (line === -1) return `line ${is.length + 1} is too many`;
  return `line ${line + 1} is ${JSON.stringify(was[line] ?? "")}, not ${JSON.stringify(is[line])}`;
}
