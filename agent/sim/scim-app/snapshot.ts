import { open, readFile, rename, rm } from "node:fs/promises";
import { AgentError } from "../../core/error.ts";
import { parseDateTime } from "../../core/scim/date-time.ts";
import { isObject } from "../../core/scim/resource.ts";
import { normalizeResource } from "../../core/scim/resource-body.ts";
import type { ResourceStore } from "./store.ts";
import type { StoredResource } from "./stored-resource.ts";

const FORMAT_VERSION = 1;
/** Changes are collected for so long before they are written. A crash loses no more than these. */
const SAVE_DELAY_MS = 250;

type SavedResource = Omit<StoredResource, "sequence">;

export interface SnapshotOptions {
  readonly file: string;
  readonly store: ResourceStore;
  /** Tells of a write that failed; the next change tries again. */
  readonly onError: (error: unknown) => void;
}

/** Keeps the resources of a store in a JSON file that is always whole. */
export class Snapshot {
  readonly #options: SnapshotOptions;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  #isDirty = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /**
   * Takes up what the file has, and begins it when there is none.
   * @throws AgentError `input.invalid` when it is no such file, `config.invalid` when it cannot be written
   */
  async open(): Promise<void> {
    const { file, store } = this.#options;
    const text = await readText(file);
    if (text === undefined) await this.#save();
    else for (const resource of parseSnapshot(text, file)) store.restore(resource);
    store.onChange = () => this.#schedule();
  }

  /**
   * Writes what is not written yet.
   * @throws AgentError `config.invalid`
   */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#saving;
    if (this.#isDirty) await this.#save();
  }

  #schedule(): void {
    this.#isDirty = true;
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#saving = this.#saving
        .then(() => {
          this.#timer = undefined;
          return this.#save();
        })
        .catch(this.#options.onError);
    }, SAVE_DELAY_MS);
    this.#timer.unref();
  }

  async #save(): Promise<void> {
    const { file, store } = this.#options;
    this.#isDirty = false;
    const resources = [...store.list("User"), ...store.list("Group")].map(savedResource);
    const temporary = `${file}.${process.pid}.tmp`;
    try {
      // Only for its owner: it holds people.
      const handle = await open(temporary, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify({ version: FORMAT_VERSION, resources }));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (cause) {
      this.#isDirty = true;
      await rm(temporary, { force: true });
      throw new AgentError("config.invalid", `${file} cannot be written`, {
        cause,
        hint: "the folder must exist, and there must be room",
      });
    }
  }
}

function savedResource({ sequence: _sequence, ...saved }: StoredResource): SavedResource {
  return saved;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AgentError("input.invalid", `${file} cannot be read`, { cause });
  }
}

/** @throws AgentError `input.invalid` */
function parseSnapshot(text: string, file: string): readonly SavedResource[] {
  try {
    const snapshot: unknown = JSON.parse(text);
    if (!isObject(snapshot) || snapshot["version"] !== FORMAT_VERSION) {
      throw new TypeError(`this is not version ${FORMAT_VERSION}`);
    }
    const { resources } = snapshot as { resources?: unknown };
    if (!Array.isArray(resources)) throw new TypeError("there are no resources");
    return resources.map(parseResource);
  } catch (cause) {
    throw new AgentError("input.invalid", `${file} does not hold the resources of a SCIM app`, {
      cause,
      hint: "give a file that this simulator wrote, or one that is not there yet",
    });
  }
}

function parseResource(saved: unknown): SavedResource {
  if (!isObject(saved)) throw new TypeError("a resource is no object");
  const { id, type, content, created, lastModified, revision } = saved;
  if (
    typeof id !== "string" ||
    (type !== "User" && type !== "Group") ||
    !isTime(created) ||
    !isTime(lastModified) ||
    typeof revision !== "number" ||
    !Number.isSafeInteger(revision)
  ) {
    throw new TypeError("a resource lacks something");
  }
  const body = normalizeResource(content, { resourceType: type, profile: "rfc7644" });
  return { id, type, content: body, created, lastModified, revision };
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && parseDateTime(value) !== undefined;
}
