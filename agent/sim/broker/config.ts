import { AgentError } from "../../core/error.ts";
import type { RuleDeclaration } from "./access-rule.ts";
import { readRules, sayRepeatedRules } from "./config-access.ts";
import { type ListenersConfig, readListeners } from "./config-listeners.ts";
import { ConfigReader } from "./config-reader.ts";
import { parseDuration } from "./duration.ts";
import { stripComments } from "./jsonc.ts";
import type { QueueProperties, QueueStatus } from "./queue-contract.ts";
import {
  completeQueue,
  type DeclaredQueue,
  MAX_QUEUES,
  type QueueDeclaration,
  repeatedNames,
} from "./queue-declaration.ts";

/** What a config.json declares. */
export interface BrokerConfig {
  readonly namespace: string;
  readonly queues: readonly DeclaredQueue[];
  /** Those of the namespace and those of its queues. */
  readonly rules: readonly RuleDeclaration[];
  readonly listeners: ListenersConfig;
}

export interface ParseOptions {
  /** False lifts the emulator's bounds on durations and counts. */
  readonly strict?: boolean;
}

type MutableProperties = { -readonly [K in keyof QueueProperties]?: QueueProperties[K] };

const MEGABYTE = 1024 * 1024;

/** Reads an option and sets it, or says what is wrong with it. */
type OptionReader = (value: unknown, into: MutableProperties) => string | undefined;

function duration(
  property: "lockDurationMs" | "defaultTimeToLiveMs" | "duplicateDetectionWindowMs",
): OptionReader {
  return (value, into) => {
    const ms = typeof value === "string" ? parseDuration(value) : undefined;
    if (ms === undefined) return "has to be an ISO 8601 duration such as PT1M";
    into[property] = ms;
    return undefined;
  };
}

function flag(
  property: "deadLetteringOnMessageExpiration" | "requiresDuplicateDetection" | "requiresSession",
): OptionReader {
  return (value, into) => {
    if (typeof value !== "boolean") return "has to be true or false";
    into[property] = value;
    return undefined;
  };
}

function count(property: "maxDeliveryCount" | "maxBytes", unit: number): OptionReader {
  return (value, into) => {
    if (typeof value !== "number" || !Number.isInteger(value)) return "has to be a whole number";
    into[property] = value * unit;
    return undefined;
  };
}

/** As a namespace in Azure spells them. */
const STATUSES: ReadonlyMap<unknown, QueueStatus> = new Map<unknown, QueueStatus>([
  ["Active", "active"],
  ["Disabled", "disabled"],
  ["SendDisabled", "sendDisabled"],
  ["ReceiveDisabled", "receiveDisabled"],
]);

const status: OptionReader = (value, into) => {
  const known = STATUSES.get(value);
  if (known === undefined) return "has to be Active, Disabled, SendDisabled or ReceiveDisabled";
  into.status = known;
  return undefined;
};

const forwarding: OptionReader = (value) =>
  value === "" ? undefined : "forwarding is not supported by this broker, leave it empty";

/** Where each property stands in the file. */
const OPTION_OF: Readonly<Record<keyof QueueDeclaration, string>> = {
  name: "Name",
  lockDurationMs: "Properties.LockDuration",
  defaultTimeToLiveMs: "Properties.DefaultMessageTimeToLive",
  duplicateDetectionWindowMs: "Properties.DuplicateDetectionHistoryTimeWindow",
  deadLetteringOnMessageExpiration: "Properties.DeadLetteringOnMessageExpiration",
  requiresDuplicateDetection: "Properties.RequiresDuplicateDetection",
  requiresSession: "Properties.RequiresSession",
  maxDeliveryCount: "Properties.MaxDeliveryCount",
  maxBytes: "Properties.MaxSizeInMegabytes",
  status: "Properties.Status",
};

/** The emulator's options, and MaxSizeInMegabytes and Status as Azure has them. */
const OPTIONS: Readonly<Record<string, OptionReader>> = {
  LockDuration: duration("lockDurationMs"),
  DefaultMessageTimeToLive: duration("defaultTimeToLiveMs"),
  DuplicateDetectionHistoryTimeWindow: duration("duplicateDetectionWindowMs"),
  DeadLetteringOnMessageExpiration: flag("deadLetteringOnMessageExpiration"),
  RequiresDuplicateDetection: flag("requiresDuplicateDetection"),
  RequiresSession: flag("requiresSession"),
  MaxDeliveryCount: count("maxDeliveryCount", 1),
  MaxSizeInMegabytes: count("maxBytes", MEGABYTE),
  Status: status,
  ForwardTo: forwarding,
  ForwardDeadLetteredMessagesTo: forwarding,
};

const LOGGING_TYPES: readonly unknown[] = ["File", "Console", "File,Console", "Console,File"];

const RULES = "AuthorizationRules";

/** Reads the parts of the file. */
class BrokerConfigReader extends ConfigReader {
  readonly #strict: boolean;
  readonly #rules: RuleDeclaration[] = [];

  constructor(strict: boolean) {
    super();
    this.#strict = strict;
  }

  read(root: unknown): BrokerConfig {
    const top = this.object(root, "config", ["UserConfig"]);
    const known = ["Namespaces", "Logging", "Listeners"];
    const user = this.object(top["UserConfig"], "UserConfig", known);
    this.#logging(user["Logging"]);
    const listeners = readListeners(this, user["Listeners"], "UserConfig.Listeners");
    const namespaces = this.list(user["Namespaces"] ?? null, "UserConfig.Namespaces");
    if (namespaces.length !== 1) {
      this.say("UserConfig.Namespaces", "there has to be exactly one namespace");
    }
    const namespace = this.#namespace(namespaces[0] ?? {}, "UserConfig.Namespaces[0]");
    return { ...namespace, rules: this.#rules, listeners };
  }

  /** The emulator's log is not ours; only a value that the emulator would refuse is refused here. */
  #logging(value: unknown): void {
    if (value === undefined) return;
    const { Type: type } = this.object(value, "UserConfig.Logging", ["Type"]);
    if (!LOGGING_TYPES.includes(type)) {
      this.say("UserConfig.Logging.Type", "has to be File, Console or File,Console");
    }
  }

  #namespace(value: unknown, path: string): Pick<BrokerConfig, "namespace" | "queues"> {
    const object = this.object(value, path, ["Name", "Queues", "Topics", RULES]);
    const name = object["Name"];
    if (typeof name !== "string" || name === "") this.say(`${path}.Name`, "is missing");
    if (this.list(object["Topics"], `${path}.Topics`).length > 0) {
      this.say(`${path}.Topics`, "topics are not supported by this broker, use queues");
    }
    this.#authorization(object[RULES], `${path}.${RULES}`);
    const declared = this.list(object["Queues"], `${path}.Queues`);
    if (declared.length > MAX_QUEUES) {
      this.say(`${path}.Queues`, `there may be at most ${MAX_QUEUES} queues`);
    }
    const queues = declared.map((queue, index) => this.#queue(queue, `${path}.Queues[${index}]`));
    for (const repeated of repeatedNames(queues.map((queue) => queue.name))) {
      this.say(`${path}.Queues`, `'${repeated}' is declared twice`);
    }
    return { namespace: typeof name === "string" ? name : "", queues };
  }

  #authorization(value: unknown, path: string, queue?: string): void {
    const rules = readRules(this, value, { path, ...(queue === undefined ? {} : { queue }) });
    sayRepeatedRules(this, rules, path);
    this.#rules.push(...rules);
  }

  #queue(value: unknown, path: string): DeclaredQueue {
    const object = this.object(value, path, ["Name", "Properties", RULES]);
    const name = object["Name"];
    if (typeof name !== "string") this.say(`${path}.Name`, "is missing");
    const properties = this.#properties(object["Properties"], `${path}.Properties`);
    const declaration: QueueDeclaration = {
      name: typeof name === "string" ? name : "x",
      ...properties,
    };
    this.#authorization(object[RULES], `${path}.${RULES}`, declaration.name);
    const { queue, problems } = completeQueue(declaration, {
      strict: this.#strict,
      path: (property) => `${path}.${OPTION_OF[property]}`,
    });
    this.problems.push(...problems);
    return queue;
  }

  #properties(value: unknown, path: string): MutableProperties {
    const properties: MutableProperties = {};
    if (value === undefined) return properties;
    const object = this.object(value, path, Object.keys(OPTIONS));
    for (const [option, read] of Object.entries(OPTIONS)) {
      if (object[option] === undefined) continue;
      const problem = read(object[option], properties);
      if (problem !== undefined) this.say(`${path}.${option}`, problem);
    }
    return properties;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(stripComments(text));
  } catch (cause) {
    throw new AgentError("config.invalid", "the broker's config is no JSON", {
      cause,
      hint: cause instanceof Error ? cause.message : "check its commas and quotes",
    });
  }
}

/**
 * Reads the config.json of the official Service Bus emulator (JSON, comments allowed). `Logging` is the emulator's own
 * and has no effect here; `Listeners`, and the `AuthorizationRules` of namespace and queues, are ours.
 * @throws AgentError `config.invalid` with every wrong option and its path
 */
export function parseBrokerConfig(
  text: string,
  { strict = true }: ParseOptions = {},
): BrokerConfig {
  const reader = new BrokerConfigReader(strict);
  const config = reader.read(parseJson(text));
  if (reader.problems.length === 0) return config;
  throw new AgentError(
    "config.invalid",
    `the broker's config is wrong: ${reader.problems.join("; ")}`,
    {
      hint: "the format is that of the Service Bus emulator's config.json",
    },
  );
}
