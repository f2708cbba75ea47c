import { open, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { AgentError } from "../core/error.ts";
import { type KeptVerdict, verdictKey } from "../core/preview-comparison.ts";
import type { ResourceTypeName } from "../core/scope.ts";

// A kept preview is a file of JSON Lines: the head, one array for each entry, and at the end the number of entries, so
// that a piece of a file is not taken for the whole. It is written beside its place and then renamed.

/** Of a file, and of a comparison, which holds the earlier preview in memory. About 300 bytes each. */
export const MAX_KEPT_ENTRIES = 1_000_000;
/** No line of a file of this size is longer than a text may be. */
const MAX_KEPT_BYTES = 2 ** 28;
export const KEPT_VERSION = 1;

export interface KeptHead {
  readonly directory: string;
  /** Fingerprint of the configuration that it was made with. */
  readonly configuration: string;
  /** When it was begun (ISO 8601, UTC). */
  readonly at: string;
  readonly resourceTypes: readonly ResourceTypeName[];
}

export interface KeptPreview extends KeptHead {
  /** By `verdictKey`; of the types that were asked for. */
  readonly verdicts: Map<string, KeptVerdict>;
}

/** Where the previews of a directory are kept unless a command says otherwise: beside the configuration. */
export function keptPreviewPath(configPath: string, directory: string): string {
  const name = basename(configPath, extname(configPath));
  return join(dirname(configPath), `${name}.preview.${directory}.jsonl`);
}

/**
 * The verdicts of a kept preview on these types.
 * @returns undefined when there is no such file
 * @throws AgentError `input.invalid` when it is no whole preview of this directory and all of these types
 */
export async function readKeptPreview(
  path: string,
  wanted: Pick<KeptHead, "directory" | "resourceTypes">,
): Promise<KeptPreview | undefined> {
  const size = await sizeOf(path);
  if (size === undefined) return undefined;
  if (size > MAX_KEPT_BYTES) throw unusable(path, `is larger than ${MAX_KEPT_BYTES} bytes`);
  const reader = new KeptReader(path, wanted);
  try {
    const file = await open(path);
    try {
      for await (const line of file.readLines()) reader.add(line);
    } finally {
      await file.close();
    }
    return reader.end();
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    throw unusable(path, "cannot be read", { cause });
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const file = await stat(path);
    // Opening a pipe would wait for its writer.
    if (!file.isFile()) throw unusable(path, "is not a file");
    return file.size;
  } catch (cause) {
    if (cause instanceof AgentError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw unusable(path, "cannot be read", { cause });
  }
}

class KeptReader {
  readonly #path: string;
  readonly #wanted: Pick<KeptHead, "directory" | "resourceTypes">;
  readonly #verdicts = new Map<string, KeptVerdict>();
  /** Few rules decide on many entries. */
  readonly #reasons = new Map<string, string>();
  #head: KeptHead | undefined;
  #entries = 0;
  #isOver = false;

  constructor(path: string, wanted: Pick<KeptHead, "directory" | "resourceTypes">) {
    this.#path = path;
    this.#wanted = wanted;
  }

  add(line: string): void {
    const value = parseLine(line);
    if (this.#isOver || value === undefined) throw unusable(this.#path, "is no kept preview");
    if (this.#head === undefined) {
      this.#head = this.#readHead(value);
      return;
    }
    if (!Array.isArray(value)) {
      if (memberOf(value, "entries") !== this.#entries) throw unusable(this.#path, "is not whole");
      this.#isOver = true;
      return;
    }
    this.#entries++;
    if (this.#entries > MAX_KEPT_ENTRIES) {
      throw unusable(this.#path, `has more than ${MAX_KEPT_ENTRIES} entries`);
    }
    const verdict = this.#readVerdict(value);
    if (!this.#wanted.resourceTypes.includes(verdict.resourceType)) return;
    this.#verdicts.set(verdictKey(verdict), verdict);
  }

  end(): KeptPreview {
    if (this.#head === undefined || !this.#isOver) throw unusable(this.#path, "is not whole");
    return { ...this.#head, verdicts: this.#verdicts };
  }

  #readHead(value: object): KeptHead {
    if (memberOf(value, "version") !== KEPT_VERSION)
      throw unusable(this.#path, "is no kept preview");
    const [directory, configuration, at] = ["directory", "configuration", "at"].map((name) =>
      String(memberOf(value, name)),
    );
    const types = memberOf(value, "resourceTypes");
    const resourceTypes = Array.isArray(types) ? types.filter(isResourceType) : [];
    if (directory !== this.#wanted.directory) {
      throw unusable(this.#path, `is a preview of directory ${directory}`);
    }
    const missing = this.#wanted.resourceTypes.filter((type) => !resourceTypes.includes(type));
    if (missing.length > 0) {
      throw new AgentError("input.invalid", `${this.#path} has no verdicts on ${missing.join()}s`, {
        hint: `compare with --type ${resourceTypes.join()}, or keep a preview of all types with --save`,
      });
    }
    return { directory, configuration: configuration ?? "", at: at ?? "", resourceTypes };
  }

  #readVerdict(value: readonly unknown[]): KeptVerdict {
    const [resourceType, id, inScope, reason, fingerprint] = value;
    if (!isResourceType(resourceType) || typeof id !== "string" || typeof reason !== "string") {
      throw unusable(this.#path, "is no kept preview");
    }
    const known = this.#reasons.get(reason) ?? reason;
    this.#reasons.set(known, known);
    const verdict = { resourceType, id, inScope: inScope === true, reason: known };
    return typeof fingerprint === "string" ? { ...verdict, fingerprint } : verdict;
  }
}

function parseLine(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(value: object, name: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[name];
}

function isResourceType(value: unknown): value is ResourceTypeName {
  return value === "User" || value === "Group";
}

function unusable(path: string, problem: string, { cause }: { cause?: unknown } = {}): AgentError {
  return new AgentError("input.invalid", `${path} ${problem}`, {
    cause,
    hint: "name another file, or remove it and keep a new preview with --save",
  });
}
