import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { AgentError } from "../core/error.ts";
import type { KeptVerdict } from "../core/preview-comparison.ts";
import { KEPT_VERSION, type KeptHead, MAX_KEPT_ENTRIES } from "./kept-preview.ts";

const WRITE_AT_CHARACTERS = 64 * 1024;

/** Writes a preview while it is made; there is a file of it, whole, from `commit` on. */
export class KeptPreviewWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #text = "";
  #entries = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporaryOf(path);
    this.#file = file;
  }

  /** @throws AgentError `state.unavailable` when the file cannot be written */
  static async open(path: string, head: KeptHead): Promise<KeptPreviewWriter> {
    const writer = await writing(path, async () => {
      // Left by a process that died; to follow a link that is no file of ours would write elsewhere.
      await rm(temporaryOf(path), { force: true });
      return new KeptPreviewWriter(path, await open(temporaryOf(path), "wx", 0o600));
    });
    writer.#text = `${JSON.stringify({ version: KEPT_VERSION, ...head })}\n`;
    return writer;
  }

  /** @throws AgentError as `open`; `usage` for too many entries */
  async add({ resourceType, id, inScope, reason, fingerprint }: KeptVerdict): Promise<void> {
    if (++this.#entries > MAX_KEPT_ENTRIES) throw tooMany();
    const rest = fingerprint === undefined ? [] : [fingerprint];
    this.#text += `${JSON.stringify([resourceType, id, inScope, reason, ...rest])}\n`;
    if (this.#text.length >= WRITE_AT_CHARACTERS) await this.#flush();
  }

  /** @throws AgentError as `open` */
  async commit(): Promise<void> {
    this.#text += `${JSON.stringify({ entries: this.#entries })}\n`;
    await this.#flush();
    await writing(this.#path, async () => {
      await this.#file.sync();
      await this.#file.close();
      await rename(this.#temporary, this.#path);
    });
  }

  /** Leaves what was kept before as it is; without effect after `commit`. */
  async discard(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }

  async #flush(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    await writing(this.#path, () => this.#file.appendFile(text));
  }
}

function temporaryOf(path: string): string {
  return `${path}.${process.pid}.tmp`;
}

/** What is more than a comparison can hold. */
export function tooMany(): AgentError {
  return new AgentError("usage", `there are more than ${MAX_KEPT_ENTRIES} entries`, {
    hint: "--type keeps and compares fewer",
  });
}

async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    throw new AgentError("state.unavailable", `${path} cannot be written`, {
      cause,
      hint: "name a file in a folder that you may write to: --save <file>, or --diff <file>",
    });
  }
}
