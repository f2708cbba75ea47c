import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import type { NamedCredential, ReadCredentials } from "./bus-connection.ts";

/**
 * Which of the configured ways to sign in is used: the preferred one, until it is refused; then the next, until that one
 * is refused too or the preferred one changes. Only names are logged.
 */
export class CredentialChoice {
  readonly #read: ReadCredentials;
  readonly #log: Log;
  #known: readonly NamedCredential[] = [];
  #at = 0;
  #problem: string | undefined;

  constructor({ read, log }: { readonly read: ReadCredentials; readonly log: Log }) {
    this.#read = read;
    this.#log = log;
  }

  /**
   * Reads them for the first time.
   * @throws AgentError `config.invalid`
   */
  async load(): Promise<void> {
    this.#known = await this.#read();
  }

  get current(): NamedCredential {
    const current = this.#known[this.#at];
    if (current === undefined) throw new AgentError("internal", "no credential was read");
    return current;
  }

  /** How many ways there are. */
  get size(): number {
    return this.#known.length;
  }

  /**
   * Reads them again. What cannot be read just now (a file that is being replaced) leaves them as they are.
   * @returns whether another one than before is to be used
   */
  async refresh(): Promise<boolean> {
    let read: readonly NamedCredential[];
    try {
      read = await this.#read();
    } catch (error) {
      this.#warnOnce(error);
      return false;
    }
    this.#problem = undefined;
    const before = this.#known;
    const at = this.#at;
    this.#known = read;
    const isSame = (index: number) => textOf(before[index]) === textOf(read[index]);
    if (isSame(0) && isSame(at)) return false;
    const changed = read[isSame(0) ? at : 0]?.name;
    this.#at = isSame(0) ? at : 0;
    this.#log.info("credential.changed", { name: changed });
    return true;
  }

  /** The one in use was refused. @returns whether there is another one, which is in use now */
  refuse(): boolean {
    const { name } = this.current;
    if (this.size < 2) {
      this.#log.warn("credential.refused", { name });
      return false;
    }
    this.#at = (this.#at + 1) % this.size;
    this.#log.warn("credential.refused", { name, next: this.current.name });
    return true;
  }

  #warnOnce(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#log.warn("credential.unreadable", { error });
  }
}

function textOf(named: NamedCredential | undefined): string {
  return JSON.stringify(named?.credential) ?? "";
}
