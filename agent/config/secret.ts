import { resolve } from "node:path";
import { inspect } from "node:util";
import { AgentError } from "../core/error.ts";
import { readText } from "./text-file.ts";

/** Names to values, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** No password, key or connection string comes near it; a log file given by mistake does not fit. */
export const MAX_SECRET_BYTES = 64 * 1024;

/** What the option table and the messages call it. */
export const SECRET_FORM = "${env:NAME} or ${file:/path}";

export const SECRET_PATTERN =
  /^\$\{(?:env:([A-Za-z_][A-Za-z0-9_]{0,254})|file:([^${}\0]{1,1024}))\}$/;

const PRINTED = "[secret]";

export interface SecretContext {
  /** Relative paths start here. */
  readonly folder: string;
  readonly env: Environment;
}

/**
 * Where a secret stands, never the secret itself. Prints `[secret]` wherever it is printed. The value is read each
 * time it is asked for, so that a rotated secret is picked up without a restart.
 */
export class Secret {
  /** As in the configuration: `${env:NAME}` or `${file:/path}`. */
  readonly #reference: string;
  readonly #name: string | undefined;
  readonly #path: string | undefined;
  readonly #env: Environment;

  /** @throws AgentError `config.invalid` when the text is no reference */
  constructor(reference: string, { folder, env }: SecretContext) {
    const found = SECRET_PATTERN.exec(reference);
    if (found === null) {
      throw new AgentError("config.invalid", `a secret was given itself, expected ${SECRET_FORM}`);
    }
    this.#reference = reference;
    this.#name = found[1];
    this.#path = found[2] === undefined ? undefined : resolve(folder, found[2]);
    this.#env = env;
  }

  /** The reference, for messages. */
  get reference(): string {
    return this.#reference;
  }

  /** Absolute path of the file that holds it; undefined when it stands in the environment. */
  get path(): string | undefined {
    return this.#path;
  }

  /**
   * The value as it is now, without the line break at its end.
   * @throws AgentError `config.invalid` when it is not there, empty, too large or not UTF-8
   */
  async read(): Promise<string> {
    const value = this.#path === undefined ? this.#fromEnv() : await this.#fromFile(this.#path);
    // RFC 4513 section 5.1.2: a bind with an empty password succeeds without proving anything.
    if (value === "") throw this.#refuse("is empty");
    return value;
  }

  #fromEnv(): string {
    const value = this.#env[this.#name ?? ""];
    if (value === undefined) throw this.#refuse("is not set in the environment");
    return value.replace(/\r?\n$/, "");
  }

  async #fromFile(path: string): Promise<string> {
    const read = await readText(path, MAX_SECRET_BYTES);
    if (!read.ok) throw this.#refuse(read.because, read.cause);
    return read.text.replace(/\r?\n$/, "");
  }

  #refuse(what: string, cause?: unknown): AgentError {
    return new AgentError("config.invalid", `secret ${this.#reference} ${what}`, {
      cause,
      hint:
        this.#path === undefined
          ? "set the variable in the environment of the agent's service"
          : "check the path and that the agent's account may read the file",
    });
  }

  toString(): string {
    return PRINTED;
  }

  toJSON(): string {
    return PRINTED;
  }

  [inspect.custom](): string {
    return PRINTED;
  }
}
