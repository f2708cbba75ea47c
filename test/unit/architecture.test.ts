import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cruise, type ICruiseOptions, type ICruiseResult } from "dependency-cruiser";
import extractOptions from "dependency-cruiser/config-utl/extract-depcruise-options";
import extractTsConfig from "dependency-cruiser/config-utl/extract-ts-config";
import { afterEach, describe, expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Fewer modules than this are a sign that sources were not read, which would pass every rule. */
const FEWEST_MODULES = 10;

async function cruiseAgent(baseDir: string): Promise<ICruiseResult> {
  const options: ICruiseOptions = await extractOptions(join(ROOT, ".dependency-cruiser.mjs"));
  const tsConfig = extractTsConfig(join(ROOT, "tsconfig.json"));
  const result = await cruise(["agent"], { ...options, baseDir, validate: true }, undefined, {
    tsConfig,
  });
  if (typeof result.output === "string") throw new Error(result.output);
  return result.output;
}

function violations(result: ICruiseResult): string[] {
  return result.summary.violations
    .map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`)
    .sort();
}

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A project with these sources, on the packages that this one has. */
async function planted(sources: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "architecture-"));
  folders.push(folder);
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await symlink(join(ROOT, "package.json"), join(folder, "package.json"));
  for (const [path, source] of Object.entries(sources)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), source);
  }
  return folder;
}

describe("the layers of agent/", () => {
  it("are kept, and were looked at", async () => {
    const result = await cruiseAgent(ROOT);
    expect(result.summary.totalCruised).toBeGreaterThan(FEWEST_MODULES);
    expect(result.summary.totalDependenciesCruised).toBeGreaterThan(FEWEST_MODULES);
    expect(violations(result)).toEqual([]);
  });

  const broken: Readonly<Record<string, [Readonly<Record<string, string>>, string[]]>> = {
    "an adapter that knows another adapter": [
      {
        "agent/directory/reader.ts": 'import type { B } from "../bus/b.ts"; export type A = B;',
        "agent/bus/b.ts": "export type B = 1;",
      },
      ["layer-directory: agent/directory/reader.ts -> agent/bus/b.ts"],
    ],
    "a simulator that uses an adapter": [
      {
        "agent/sim/server.ts": 'import { b } from "../directory/b.ts"; export const a = b;',
        "agent/directory/b.ts": "export const b = 1;",
      },
      ["layer-sim: agent/sim/server.ts -> agent/directory/b.ts"],
    ],
    "ports that know more than the core": [
      {
        "agent/ports.ts": 'import type { B } from "./config/b.ts"; export type A = B;',
        "agent/config/b.ts": "export type B = 1;",
      },
      ["layer-ports: agent/ports.ts -> agent/config/b.ts"],
    ],
    "a core that reads files": [
      {
        "agent/core/a.ts": 'import { readFileSync } from "node:fs"; export const a = readFileSync;',
      },
      ["core-is-pure: agent/core/a.ts -> fs"],
    ],
    "a provider that opens sockets": [
      { "agent/provider/a.ts": 'import { connect } from "node:net"; export const a = connect;' },
      ["layer-2-reaches-nothing-outside: agent/provider/a.ts -> net"],
    ],
    "a package away from its home": [
      { "agent/service/a.ts": 'import { Client } from "ldapts"; export const a = Client;' },
      ["home-of-ldapts: agent/service/a.ts -> node_modules/ldapts"],
    ],
    "rhea in a file of the bus that is not the guard": [
      { "agent/bus/a.ts": 'import rhea from "rhea"; export const a = rhea;' },
      ["home-of-rhea: agent/bus/a.ts -> node_modules/rhea"],
    ],
    "a package that has no home": [
      { "agent/cli/a.ts": 'import { run } from "vitest"; export const a = run;' },
      ["no-homeless-package: agent/cli/a.ts -> node_modules/vitest"],
    ],
    "a package that is not installed": [
      { "agent/cli/a.ts": 'import { a } from "left-pad"; export const b = a;' },
      ["no-homeless-package: agent/cli/a.ts -> left-pad"],
    ],
    "a module outside of every layer": [
      {
        "agent/utils/b.ts": "export const b = 1;",
        "agent/sim/a.ts": 'import { b } from "../utils/b.ts"; export const a = b;',
      },
      [
        "layer-sim: agent/sim/a.ts -> agent/utils/b.ts",
        "no-stray-module: agent/sim/a.ts -> agent/utils/b.ts",
      ],
    ],
    "a circle of code": [
      {
        "agent/core/a.ts": 'import { b } from "./b.ts"; export const a = () => b;',
        "agent/core/b.ts": 'import { a } from "./a.ts"; export const b = () => a;',
      },
      ["no-circular: agent/core/a.ts -> agent/core/b.ts"],
    ],
    "an import of a test": [
      {
        "agent/cli/a.ts": 'import { b } from "../../test/b.ts"; export const a = b;',
        "test/b.ts": "export const b = 1;",
      },
      ["not-to-test: agent/cli/a.ts -> test/b.ts"],
    ],
    "a module that nobody uses": [
      { "agent/core/a.ts": "export const a = 1;" },
      ["no-orphans: agent/core/a.ts -> agent/core/a.ts"],
    ],
  };

  it.each(Object.entries(broken))("refuse %s", async (_, [sources, expected]) => {
    const found = violations(await cruiseAgent(await planted(sources)));
    // The packages lie elsewhere, behind a link.
    const shown = found.map((line) => line.replace(/-> .*(node_modules\/[^/]+)\/.*$/, "-> $1"));
    expect(shown).toEqual(expected);
  });

  it("allow what the table allows", async () => {
    const result = await cruiseAgent(
      await planted({
        "agent/core/a.ts":
          'import { createHash } from "node:crypto"; import type { B } from "./b.ts"; export const a: B = createHash;',
        "agent/core/b.ts": 'import type { a } from "./a.ts"; export type B = typeof a | unknown;',
        "agent/bus/rhea-guards.ts":
          'import rhea from "rhea"; import { a } from "../core/a.ts"; export const b = [rhea, a];',
        "agent/directory/c.ts":
          'import { Client } from "ldapts"; import { a } from "../core/a.ts"; export const c = [Client, a];',
        "agent/service/d.ts":
          'import { c } from "../directory/c.ts"; import { b } from "../bus/rhea-guards.ts"; export const d = [b, c];',
      }),
    );
    expect(violations(result)).toEqual([]);
    expect(result.summary.totalCruised).toBeGreaterThanOrEqual(5);
  });
});

interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Lints these sources in a folder of their own with this project's configuration; only what its own rules say. */
async function lint(sources: Readonly<Record<string, readonly string[]>>): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), "lint-"));
  folders.push(folder);
  await cp(join(ROOT, ".biome.json"), join(folder, ".biome.json"));
  await cp(join(ROOT, "scripts", "lint"), join(folder, "scripts", "lint"), { recursive: true });
  for (const [path, lines] of Object.entries(sources)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), lines.map((line) => `${line}\n`).join(""));
  }
  const biome = join(ROOT, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = [biome, "lint", "--vcs-enabled=false", "--reporter=github", "agent"];
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: folder }, (_, stdout) => resolve(stdout));
  });
  const form = /^::error title=plugin,file=(.*?),line=(\d+),.*?::(.*)$/gm;
  return [...output.matchAll(form)].map(([, file = "", line = "", message = ""]) => ({
    path: file.slice(file.lastIndexOf("agent/")),
    line: Number(line),
    message,
  }));
}

describe("the linter's own rules", () => {
  const impure = [
    "export const a = () => Date.now();",
    "export const b = () => new Date();",
    "export const c = () => Math.random();",
    'export const d = () => process.env["HOME"];',
    'export const e = () => process["env"];',
    "export const f = (g: () => void) => setTimeout(g, 1);",
    "export const h = (g: () => void) => setInterval(g, 1);",
    'export const i = () => fetch("https://example.com");',
    "export const j = () => crypto.randomUUID();",
    "export const k = () => performance.now();",
  ];
  const pure = ["export const l = (text: string) => new Date(text).getTime();"];

  it("keep clock, chance and environment out of the core, and only there", async () => {
    const found = await lint({
      "agent/core/planted.ts": [...impure, ...pure],
      "agent/service/planted.ts": impure,
    });
    const message = "The core is deterministic: take time, chance and environment as arguments.";
    expect(found).toEqual(
      impure.map((_, index) => ({ path: "agent/core/planted.ts", line: index + 1, message })),
    );
  });

  it("refuse listeners whose rejection nobody sees", async () => {
    const bad = [
      'export const a = (s: NodeJS.EventEmitter) => s.on("x", async () => {});',
      'export const b = (s: NodeJS.EventEmitter) => s.once("x", async (y) => y);',
      'export const c = (s: NodeJS.EventEmitter) => s.on("x", async function named() {});',
      'export const d = (s: NodeJS.EventEmitter) => s.addListener("x", async y => { await y; });',
      'export const e = (s: { t: NodeJS.EventEmitter }) => s.t.on("x", async (): Promise<void> => {});',
    ];
    const good = [
      'export const f = (s: NodeJS.EventEmitter) => s.on("x", () => {});',
      'export const g = (s: NodeJS.EventEmitter, asyncDone: () => void) => s.on("x", asyncDone);',
    ];
    const message = "An async listener rejects into nowhere: iterate, or catch inside.";
    expect(await lint({ "agent/bus/planted.ts": [...bad, ...good] })).toEqual(
      bad.map((_, index) => ({ path: "agent/bus/planted.ts", line: index + 1, message })),
    );
  });
});
