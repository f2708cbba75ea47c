import { formatDuration } from "./duration.ts";
import type { QueueProperties, QueueStatus } from "./queue-contract.ts";

/** A queue as it is declared: what is left out has the emulator's default. Durations are milliseconds. */
export type QueueDeclaration = { readonly name: string } & Partial<QueueProperties>;

/** A queue with nothing left out. */
export type DeclaredQueue = { readonly name: string } & QueueProperties;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const MEGABYTE = 1024 * 1024;

/** The defaults of the official emulator; a namespace in Azure delivers 10 times and keeps messages 14 days. */
export const QUEUE_DEFAULTS: QueueProperties = {
  lockDurationMs: MINUTE_MS,
  maxDeliveryCount: 3,
  defaultTimeToLiveMs: 60 * MINUTE_MS,
  deadLetteringOnMessageExpiration: false,
  requiresDuplicateDetection: false,
  duplicateDetectionWindowMs: 20 * SECOND_MS,
  requiresSession: false,
  status: "active",
  maxBytes: 100 * MEGABYTE,
};

type NumberProperty = {
  [K in keyof QueueProperties]: QueueProperties[K] extends number ? K : never;
}[keyof QueueProperties];

interface Bound {
  readonly property: NumberProperty;
  readonly least: number;
  readonly most: number;
  readonly show: (value: number) => string;
}

/** The bounds of the official emulator. */
const BOUNDS: readonly Bound[] = [
  {
    property: "lockDurationMs",
    least: 5 * SECOND_MS,
    most: 5 * MINUTE_MS,
    show: formatDuration,
  },
  {
    property: "defaultTimeToLiveMs",
    least: 5 * MINUTE_MS,
    most: 60 * MINUTE_MS,
    show: formatDuration,
  },
  {
    property: "duplicateDetectionWindowMs",
    least: 5 * SECOND_MS,
    most: 5 * MINUTE_MS,
    show: formatDuration,
  },
  { property: "maxDeliveryCount", least: 1, most: 10, show: String },
  {
    property: "maxBytes",
    least: MEGABYTE,
    most: 5_120 * MEGABYTE,
    show: (bytes) => String(bytes / MEGABYTE),
  },
];

const STATUSES: readonly QueueStatus[] = ["active", "disabled", "sendDisabled", "receiveDisabled"];

/** Queues of one broker at most. */
export const MAX_QUEUES = 50;

const NAME = /^[A-Za-z0-9]$|^[A-Za-z0-9][\w\-./]*[A-Za-z0-9]$/;
const MAX_NAME_CHARACTERS = 260;

export interface DeclarationOptions {
  /** False lifts the emulator's bounds: any positive number will do. */
  readonly strict: boolean;
  /** What a property is called where the queue is declared, for messages. */
  readonly path: (property: keyof QueueDeclaration) => string;
}

function numberProblem(value: unknown, bound: Bound, strict: boolean): string | undefined {
  if (typeof value !== "number" || Number.isNaN(value) || value <= 0) {
    return "has to be a positive number";
  }
  const outside = value < bound.least || value > bound.most;
  if (!strict || !outside) return undefined;
  return `has to be between ${bound.show(bound.least)} and ${bound.show(bound.most)}`;
}

/** The queue with its defaults, and everything that is wrong with it. */
export function completeQueue(
  declaration: QueueDeclaration,
  { strict, path }: DeclarationOptions,
): { readonly queue: DeclaredQueue; readonly problems: readonly string[] } {
  const queue: DeclaredQueue = { ...QUEUE_DEFAULTS, ...declaration };
  const problems: string[] = [];
  if (!NAME.test(queue.name) || queue.name.length > MAX_NAME_CHARACTERS) {
    problems.push(`${path("name")}: '${queue.name}' is no name of a queue`);
  }
  for (const bound of BOUNDS) {
    const problem = numberProblem(queue[bound.property], bound, strict);
    if (problem !== undefined) problems.push(`${path(bound.property)}: ${problem}`);
  }
  if (!STATUSES.includes(queue.status)) {
    problems.push(`${path("status")}: has to be one of ${STATUSES.join(", ")}`);
  }
  return { queue, problems };
}

/** Names that differ only in case name the same queue. */
export function repeatedNames(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.filter((name) => {
    const key = name.toLowerCase();
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  });
}
