import { dirname, resolve } from "node:path";
import { AgentError } from "../core/error.ts";
import { fingerprintOf } from "../core/fingerprint.ts";
import type { Mapping } from "../core/mapping.ts";
import type { Scope } from "../core/scope.ts";
import { type AgentFile, createAgentSchema } from "./agent-schema.ts";
import { checkFiles } from "./file-check.ts";
import { loadMapping } from "./mapping-file.ts";
import { memberOf } from "./option.ts";
import { type Problem, problemsOf, type ReportOptions, reportProblems } from "./problem.ts";
import type { Environment } from "./secret.ts";
import { readText } from "./text-file.ts";
import { parseYaml } from "./yaml-source.ts";

/** A configuration is a few kilobytes; whatever is larger is another file given by mistake. */
export const MAX_CONFIG_BYTES = 1024 * 1024;

/** One directory of the configuration. Durations are milliseconds, paths absolute. */
export type DirectoryConfig = Omit<AgentFile["directories"][number], "scope" | "mapping"> & {
  readonly scope: Scope;
  readonly mapping: Mapping;
};

/** Everything that the agent is told. Durations are milliseconds (`…Ms`), paths absolute, defaults filled in. */
export type AgentConfig = Omit<AgentFile, "directories"> & {
  readonly directories: readonly DirectoryConfig[];
};

export interface LoadedConfig {
  readonly config: AgentConfig;
  /** What works but should not be left as it is, one sentence each. */
  readonly warnings: readonly string[];
  /** Same text for configurations that give the same answers, see `configFingerprint`. */
  readonly fingerprint: string;
}

export interface LoadOptions {
  /** Where `${env:NAME}` looks, each time a secret is read; default `process.env`. */
  readonly env?: Environment;
  /** Urls by name of a directory, in place of those in the file: for tests and embedding, which choose ports late. */
  readonly urls?: Readonly<Record<string, readonly string[]>>;
}

export interface ParseOptions extends LoadOptions {
  /** Path of the file that the text is from: named in messages, and relative paths start from its folder. */
  readonly file?: string;
}

/**
 * The configuration in a file. Secrets are not read yet.
 * @throws AgentError `config.invalid` with every problem and its line, `mapping.invalid` when a mapping file is wrong
 */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  const file = resolve(path);
  const read = await readText(file, MAX_CONFIG_BYTES);
  if (read.ok) return parseConfig(read.text, { ...options, file });
  throw new AgentError("config.invalid", `${file} ${read.because}`, {
    cause: read.cause,
    hint: "say where the configuration is with --config",
  });
}

/**
 * The configuration in a text. Reads the mapping files that it names, and whether other files that it names are there.
 * @throws AgentError as `loadConfig`
 */
export async function parseConfig(
  input: string,
  options: ParseOptions = {},
): Promise<LoadedConfig> {
  const { file = "agent.yaml", env = process.env, urls = {} } = options;
  if (Buffer.byteLength(input) > MAX_CONFIG_BYTES) {
    throw new AgentError("config.invalid", `${file} is larger than ${MAX_CONFIG_BYTES} bytes`);
  }
  const source = parseYaml(input, { code: "config.invalid", file });
  const report: ReportOptions = { code: "config.invalid", file, lineOf: source.lineOf };
  const folder = dirname(resolve(file));
  const strangers = replaceUrls(source.value, urls);
  const parsed = createAgentSchema({ folder, env }).safeParse(source.value);
  const problems = [...strangers, ...(parsed.success ? [] : problemsOf(parsed.error))];
  if (!parsed.success || problems.length > 0) throw reportProblems(problems, report);
  const checked = await checkFiles(parsed.data);
  if (checked.problems.length > 0) throw reportProblems(checked.problems, report);
  const directories: DirectoryConfig[] = [];
  for (const directory of parsed.data.directories) {
    directories.push({ ...directory, mapping: await loadMapping(directory.mapping) });
  }
  const config: AgentConfig = { ...parsed.data, directories };
  return { config, warnings: checked.warnings, fingerprint: configFingerprint(config) };
}

/**
 * Changes when, and only when, something changed that decides answers: what the directories are, who is in scope and
 * how entries are mapped. Secrets, servers, the bus and logs have no part in it.
 */
function configFingerprint({ directories }: AgentConfig): string {
  return fingerprintOf(
    directories.map(({ name, kind, baseDn, globalCatalog, scope, mapping }) => {
      const forest = globalCatalog ? { globalCatalog } : {};
      return { name, kind, baseDn, ...forest, scope, mapping };
    }),
  );
}

/** Writes other urls into the unchecked value, which is then checked as if the file had said so. */
function replaceUrls(value: unknown, urls: NonNullable<LoadOptions["urls"]>): readonly Problem[] {
  const directories = memberOf(value, "directories");
  return Object.entries(urls).flatMap(([name, replacement]) => {
    const found = Array.isArray(directories)
      ? directories.find((directory) => memberOf(directory, "name") === name)
      : undefined;
    if (found === undefined) {
      return [
        { path: ["directories"], text: `has none named ${name}, whose urls were to be replaced` },
      ];
    }
    found.urls = [...replacement];
    delete found.domain;
    delete found.site;
    return [];
  });
}
