import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import {
  type Budget,
  isSelected,
  type PartKey,
  type PartStage,
  type PartStaging,
  type StagedPart,
  type StageSelection,
  tooLarge,
} from "./part-stage.ts";

const MEGABYTE = 1024 * 1024;
/** What one request may keep in memory, so that a long answer leaves room for short ones. */
const MEMORY_BYTES_PER_REQUEST = 4 * MEGABYTE;
const MEMORY_BYTES = 64 * MEGABYTE;
const DISK_BYTES = 8 * 1024 * MEGABYTE;
const PREFIX = "hybrid-agent-parts";
/** A folder that another host or container left in a shared place is not this one's to judge. */
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/** A container's process has the same id after each start: this tells one run from another. */
const RUN = randomUUID().slice(0, 8);

export interface SpillingStagingOptions {
  /** Folder that the staging's own is made in; the system's temporary folder unless given. */
  readonly folder?: string;
  /** Bytes that all requests together may keep in memory; 64 MiB unless given. */
  readonly memoryBytes?: number;
  /** Bytes of that for one request; 4 MiB unless given. */
  readonly memoryBytesPerRequest?: number;
  /** Bytes that all requests together may keep on disk; 8 GiB unless given. */
  readonly diskBytes?: number;
  readonly log: Log;
}

/**
 * Keeps parts in memory up to a limit and the rest in files, so that an answer of a gigabyte takes neither a gigabyte of
 * memory nor, when nobody wants it any more, of disk. The folder is this user's alone (0700), made when the first part
 * goes to disk and removed by `close`; what a killed process left is removed by the next one that makes a folder.
 */
export class SpillingPartStaging implements PartStaging {
  readonly #parent: string;
  readonly #memory: Budget;
  readonly #memoryPerRequest: number;
  readonly #disk: Budget;
  readonly #log: Log;
  #folder: Promise<string> | undefined;
  #files = 0;

  constructor(options: SpillingStagingOptions) {
    const { folder, memoryBytes = MEMORY_BYTES, diskBytes = DISK_BYTES, log } = options;
    this.#parent = folder ?? tmpdir();
    this.#memory = { maxBytes: memoryBytes, usedBytes: 0 };
    this.#memoryPerRequest = options.memoryBytesPerRequest ?? MEMORY_BYTES_PER_REQUEST;
    this.#disk = { maxBytes: diskBytes, usedBytes: 0 };
    this.#log = log;
  }

  /** Bytes that are kept now. */
  get usedBytes(): { readonly memory: number; readonly disk: number } {
    return { memory: this.#memory.usedBytes, disk: this.#disk.usedBytes };
  }

  open(): PartStage {
    return new SpillingPartStage({
      memory: this.#memory,
      memoryBytes: this.#memoryPerRequest,
      disk: this.#disk,
      where: this.#parent,
      nextFile: () => this.#nextFile(),
    });
  }

  async close(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder === undefined) return;
    await folder.then(
      (path) => rm(path, { recursive: true, force: true, maxRetries: 3 }),
      () => undefined,
    );
  }

  async #nextFile(): Promise<string> {
    this.#folder ??= this.#makeFolder();
    try {
      // The name is a number: nothing that came over the bus names a file.
      return join(await this.#folder, `${this.#files++}.part`);
    } catch (cause) {
      this.#folder = undefined;
      throw notWritable(this.#parent, cause);
    }
  }

  async #makeFolder(): Promise<string> {
    await this.#removeLeftovers();
    return await mkdtemp(join(this.#parent, `${PREFIX}-${HOST}-${process.pid}-${RUN}-`));
  }

  async #removeLeftovers(): Promise<void> {
    const names = await readdir(this.#parent).catch(() => []);
    for (const name of names) {
      if (!isLeftover(name)) continue;
      const path = join(this.#parent, name);
      try {
        const found = await lstat(path);
        const isMine = process.getuid === undefined || found.uid === process.getuid();
        if (!found.isDirectory() || !isMine) continue;
        await rm(path, { recursive: true, force: true });
        this.#log.info("stage.leftoverRemoved", { path });
      } catch (error) {
        this.#log.warn("stage.leftoverKept", { path, error });
      }
    }
  }
}

/** Whether a folder of this name was made by a process of this host that is gone. */
function isLeftover(name: string): boolean {
  if (!name.startsWith(`${PREFIX}-${HOST}-`)) return false;
  const [pid, run] = name.slice(`${PREFIX}-${HOST}-`.length).split("-");
  if (!/^\d+$/.test(pid ?? "")) return false;
  return Number(pid) === process.pid ? run !== RUN : !isAlive(Number(pid));
}

interface SpillingStageOptions {
  readonly memory: Budget;
  /** Of it, for this request. */
  readonly memoryBytes: number;
  readonly disk: Budget;
  readonly where: string;
  readonly nextFile: () => Promise<string>;
}

type Kept =
  | { readonly in: "memory"; readonly part: StagedPart; readonly bytes: number }
  | { readonly in: "file"; readonly path: string; readonly gzip: boolean; readonly bytes: number };

class SpillingPartStage implements PartStage {
  readonly #options: SpillingStageOptions;
  readonly #answers = new Map<string, Map<number, Kept>>();
  #memoryBytes = 0;

  constructor(options: SpillingStageOptions) {
    this.#options = options;
  }

  async stage({ answer, part }: PartKey, staged: StagedPart): Promise<void> {
    const bytes = staged.body.length;
    const { memory, memoryBytes } = this.#options;
    let kept: Kept;
    if (this.#memoryBytes + bytes <= memoryBytes && memory.usedBytes + bytes <= memory.maxBytes) {
      memory.usedBytes += bytes;
      this.#memoryBytes += bytes;
      kept = { in: "memory", part: staged, bytes };
    } else kept = await this.#spill(staged);
    const parts = this.#answers.get(answer) ?? new Map<number, Kept>();
    this.#answers.set(answer, parts);
    const replaced = parts.get(part);
    parts.set(part, kept);
    if (replaced !== undefined) await this.#forget(replaced);
  }

  async #spill({ body, gzip }: StagedPart): Promise<Kept> {
    const { disk, where, nextFile } = this.#options;
    const bytes = body.length;
    if (disk.usedBytes + bytes > disk.maxBytes) throw tooLarge(disk.maxBytes, where);
    disk.usedBytes += bytes;
    let path: string | undefined;
    try {
      path = await nextFile();
      await writeFile(path, body, { flag: "wx", mode: 0o600 });
      return { in: "file", path, gzip, bytes };
    } catch (cause) {
      disk.usedBytes -= bytes;
      if (path !== undefined) await rm(path, { force: true }).catch(() => undefined);
      throw cause instanceof AgentError ? cause : notWritable(where, cause);
    }
  }

  async read({ answer, part }: PartKey): Promise<StagedPart | undefined> {
    const kept = this.#answers.get(answer)?.get(part);
    if (kept === undefined || kept.in === "memory") return kept?.part;
    return { body: await readFile(kept.path), gzip: kept.gzip };
  }

  async clear(selection?: StageSelection): Promise<void> {
    for (const [answer, parts] of this.#answers) {
      if (!isSelected(answer, selection)) continue;
      this.#answers.delete(answer);
      for (const kept of parts.values()) await this.#forget(kept);
    }
  }

  async #forget(kept: Kept): Promise<void> {
    const { memory, disk } = this.#options;
    if (kept.in === "memory") {
      memory.usedBytes -= kept.bytes;
      this.#memoryBytes -= kept.bytes;
    } else {
      disk.usedBytes -= kept.bytes;
      await rm(kept.path, { force: true });
    }
  }
}

function notWritable(folder: string, cause: unknown): AgentError {
  return new AgentError("reply.refused", `the answer cannot be kept in ${folder}`, {
    cause,
    hint: "it must be writable and have room for the whole answer",
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is somebody else's, and alive.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
