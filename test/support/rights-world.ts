import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import {
  ServiceBusClient,
  type ServiceBusMessage,
  type ServiceBusReceivedMessage,
} from "@azure/service-bus";
import type { RuleDeclaration } from "../../agent/sim/broker/access-rule.ts";
import { parseBrokerConfig } from "../../agent/sim/broker/config.ts";
import type { QueueDeclaration } from "../../agent/sim/broker/queue-declaration.ts";
import type { DirectoryEntry } from "../../agent/sim/directory/entry.ts";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, type AgentFilesOptions, writeAgentFiles } from "./agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "./broker-process.ts";
import { type AgentProcess, startAgent } from "./command.ts";
import { RawBus, rawRequest } from "./raw-bus.ts";
import type { Undo } from "./requester-world.ts";

/** One right at one queue each: whoever has got hold of it. */
const SINGLE_RIGHTS = [
  { name: "send-requests", queue: "requests", rights: ["Send"] },
  { name: "listen-requests", queue: "requests", rights: ["Listen"] },
  { name: "send-replies", queue: "replies", rights: ["Send"] },
  { name: "listen-replies", queue: "replies", rights: ["Listen"] },
] as const satisfies readonly RuleDeclaration[];

export type Rule = (typeof SINGLE_RIGHTS)[number]["name"] | "agent" | "requester";

export const BIND = { dn: "cn=sync,dc=example,dc=com", password: "s3cret-of-the-directory" };
const BASE_DN = "dc=example,dc=com";
const BROKER_CONFIG = fileURLToPath(new URL("../../config/broker.json", import.meta.url));
const ANSWER_TIMEOUT_MS = 20_000;

function unit(name: string, above = BASE_DN): DirectoryEntry {
  return {
    dn: `ou=${name},${above}`,
    attributes: { objectClass: ["organizationalUnit"], ou: [name] },
  };
}

function person(cn: string, ou: string, more: DirectoryEntry["attributes"] = {}): DirectoryEntry {
  const attributes = { objectClass: ["inetOrgPerson"], cn: [cn], sn: [cn], ...more };
  return { dn: `cn=${cn},ou=${ou},${BASE_DN}`, attributes };
}

function group(cn: string, ou: string, members: readonly string[]): DirectoryEntry {
  const attributes = { objectClass: ["groupOfNames"], cn: [cn], member: members };
  return { dn: `cn=${cn},ou=${ou},${BASE_DN}`, attributes };
}

/** Of the people Ada and Star are in scope; the others are kept out by each rule that a scope may have. */
const ENTRIES: readonly DirectoryEntry[] = [
  {
    dn: BASE_DN,
    attributes: { objectClass: ["dcObject", "organization"], dc: ["example"], o: ["Example"] },
  },
  unit("open"),
  unit("vault"),
  unit("closed", `ou=open,${BASE_DN}`),
  person("Eve", "vault", { uid: ["eve"], mail: ["eve@vault.example"], title: ["Keeper"] }),
  person("Nameless", "vault"),
  group("Keepers", "vault", [`cn=Eve,ou=vault,${BASE_DN}`]),
  person("Ivy", "closed,ou=open", { uid: ["ivy"], employeeType: ["Staff"] }),
  person("Bob", "open", { uid: ["bob"], employeeType: ["Robot"] }),
  person("Ada", "open", {
    uid: ["ada"],
    employeeType: ["Staff"],
    mail: ["ada@open.example"],
    manager: [`cn=Eve,ou=vault,${BASE_DN}`],
  }),
  person("Star", "open", { uid: ["*)(uid=*"], employeeType: ["Staff"] }),
  group("Readers", "open", [`cn=Ada,ou=open,${BASE_DN}`, `cn=Eve,ou=vault,${BASE_DN}`]),
];

const SCOPE = {
  organizationalUnits: {
    include: [`ou=open,${BASE_DN}`],
    exclude: [`ou=closed,ou=open,${BASE_DN}`],
  },
  clauses: [{ attribute: "employeeType", operator: "equals", value: "Staff" }],
};

export interface RawAnswer {
  readonly status: string | undefined;
  /** As it was sent. */
  readonly text: string;
  readonly parts: readonly ServiceBusReceivedMessage[];
}

export interface RightsWorldOptions {
  /** Over those of `config/broker.json`. */
  readonly queue?: Readonly<Record<string, Partial<QueueDeclaration>>>;
  readonly entries?: readonly DirectoryEntry[];
  /** Whether searches of the directory are not answered, asked for each. */
  readonly hangs?: () => boolean;
}

/** The queues and rules of `config/broker.json`, a directory with something that is out of scope, and agents. */
export class RightsWorld {
  readonly broker: BrokerProcess;
  readonly directory: DirectoryServer;
  readonly #undo: Undo;
  readonly #searches: () => number;

  private constructor(parts: {
    readonly broker: BrokerProcess;
    readonly directory: DirectoryServer;
    readonly undo: Undo;
    readonly searches: () => number;
  }) {
    this.broker = parts.broker;
    this.directory = parts.directory;
    this.#undo = parts.undo;
    this.#searches = parts.searches;
  }

  static async open(undo: Undo, options: RightsWorldOptions = {}): Promise<RightsWorld> {
    const { queue = {}, entries = ENTRIES, hangs = () => false } = options;
    let searches = 0;
    const onSearchPage = () => {
      searches++;
      return hangs() ? ("hang" as const) : undefined;
    };
    const directory = await startDirectory({
      baseDn: BASE_DN,
      bind: BIND,
      entries,
      faults: { onSearchPage },
    });
    undo.push(() => directory.close());
    const { queues, rules = [] } = parseBrokerConfig(await readFile(BROKER_CONFIG, "utf8"));
    const broker = await startBrokerProcess({
      strict: false,
      queues: queues.map((declared) => ({ ...declared, ...queue[declared.name] })),
      rules: [...rules, ...SINGLE_RIGHTS],
    });
    undo.push(() => broker.stop());
    return new RightsWorld({ broker, directory, undo, searches: () => searches });
  }

  /** Searches that the directory was asked for so far. */
  get searches(): number {
    return this.#searches();
  }

  connectionString(rule: Rule): Promise<string> {
    return this.broker.connectionStringFor({ rule });
  }

  async bus(rule: Rule): Promise<RawBus> {
    const bus = new RawBus(await this.connectionString(rule));
    this.#undo.push(() => bus.close());
    return bus;
  }

  /** The plain client, which does not try again what is refused. */
  async client(rule: Rule): Promise<ServiceBusClient> {
    const retryOptions = { maxRetries: 0, timeoutInMs: 3_000, retryDelayInMs: 10 };
    const client = new ServiceBusClient(await this.connectionString(rule), { retryOptions });
    this.#undo.push(() => client.close());
    return client;
  }

  async files(changes: Partial<AgentFilesOptions> = {}): Promise<AgentFiles> {
    const files = await writeAgentFiles({
      connectionString: await this.connectionString("agent"),
      url: this.directory.url,
      baseDn: BASE_DN,
      bindDn: BIND.dn,
      bindPassword: BIND.password,
      scope: SCOPE,
      ...changes,
    });
    this.#undo.push(() => files.remove());
    return files;
  }

  async startAgent(changes: Partial<AgentFilesOptions> = {}): Promise<AgentProcess> {
    const { configPath } = await this.files(changes);
    const agent = await startAgent(configPath);
    this.#undo.push(() => agent.kill("SIGKILL"));
    return agent;
  }

  /** Asks as a requester does, with a session of its own, and returns the answer as it came. */
  async ask(changes: Partial<ServiceBusMessage>): Promise<RawAnswer> {
    const bus = await this.bus("requester");
    const session = await bus.client.acceptSession("replies", randomUUID(), {
      receiveMode: "receiveAndDelete",
      skipParsingBodyAsJson: true,
    });
    const { sessionId: replyToSessionId } = session;
    await bus.send("requests", rawRequest({ replyTo: "replies", replyToSessionId, ...changes }));
    const parts: ServiceBusReceivedMessage[] = [];
    const endsAt = Date.now() + ANSWER_TIMEOUT_MS;
    while (parts.at(-1)?.applicationProperties?.["last"] !== true) {
      if (Date.now() > endsAt) throw new Error(`${changes.to} was not answered`);
      parts.push(...(await session.receiveMessages(1, { maxWaitTimeInMs: 5_000 })));
    }
    await session.close();
    const text = parts.map(({ body }) => Buffer.from(body).toString("utf8")).join("\n");
    return { status: parts.at(-1)?.subject, text, parts };
  }

  /** The dead-lettered requests, as they come. */
  async deadLetters(count: number): Promise<readonly ServiceBusReceivedMessage[]> {
    const bus = await this.bus("listen-requests");
    return bus.take("requests", count, { subQueueType: "deadLetter" });
  }

  /** The directory's own id of an entry. */
  idOf(cn: string): string {
    const found = [...this.directory.store.entries()].find(({ dn }) => dn.startsWith(`cn=${cn},`));
    if (found === undefined) throw new Error(`there is no ${cn}`);
    return found.uuid;
  }
}

/** A body as bytes. */
export function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** A search over the queue. */
export function search(filter: string): Partial<ServiceBusMessage> {
  const schemas = ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"];
  return { subject: "POST", to: "/Users/.search", body: json({ schemas, filter }) };
}

/** The code of the client's error. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => ({ code: "it was allowed" }),
    (reason: { code?: string }) => reason,
  );
  return error.code ?? String(error);
}
