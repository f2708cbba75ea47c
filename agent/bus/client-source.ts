import type { ServiceBusClient } from "@azure/service-bus";
import type { Log } from "../ports.ts";
import { type BusCredential, createBusClient, type ReadCredentials } from "./bus-connection.ts";
import { CredentialChoice } from "./credential-choice.ts";

/** A client of a connection of its own. */
export interface LeasedClient {
  readonly client: ServiceBusClient;
  /** How many ways to sign in there were when it was made. */
  readonly alternatives: number;
  /** Tells the key that it was made with from those that were in use before and after. */
  readonly generation: number;
}

/**
 * Makes clients with the keys as they are now. A key that was refused is read again, and followed by the next one when it
 * is still the same.
 */
export class ClientSource {
  readonly #choice: CredentialChoice;
  #loading: Promise<void> | undefined;
  #choosing: Promise<unknown> = Promise.resolve();
  #generation = 0;

  /** @param credential the way to sign in, or what reads the present ones */
  constructor(credential: BusCredential | ReadCredentials, { log }: { readonly log: Log }) {
    const read =
      typeof credential === "function"
        ? credential
        : async () => [{ name: "credential", credential }];
    this.#choice = new CredentialChoice({ read, log });
  }

  /**
   * A new client, the caller's to close. Does no I/O on the bus.
   * @throws AgentError `config.invalid` when no secret could be read yet
   */
  async connect(): Promise<LeasedClient> {
    if (this.#loading === undefined) {
      this.#loading = this.#choice.load();
      this.#loading.catch(() => {
        this.#loading = undefined;
      });
      await this.#loading;
    } else {
      await this.#loading;
      await this.#choosing;
      if (await this.#choice.refresh()) this.#generation++;
    }
    const { current, size } = this.#choice;
    const client = createBusClient(current.credential);
    return { client, alternatives: size, generation: this.#generation };
  }

  /** Says that a client's key was refused. Several clients may find that out about one key. */
  noteDenied({ generation }: LeasedClient): void {
    if (generation !== this.#generation) return;
    this.#generation++;
    this.#choosing = this.#choice.refresh().then((isChanged) => {
      if (!isChanged) this.#choice.refuse();
    });
  }
}
