/**
 * Guards for the silent failures of rhea, the AMQP library below @azure/service-bus. They patch the very instance of rhea
 * that the client uses, once, before the first client is made, and prove on that instance that they work:
 *
 * - adjacent settlements: rhea writes one disposition for two deliveries that were settled in the same turn without
 *   comparing their outcomes, so that a dead-letter next to a complete is lost. Only equal outcomes are merged here.
 * - unsettled delivery: rhea frees its ring of 2,048 deliveries from the front alone, so that one delivery that stays
 *   unsettled stops the link after 2,047 more. The ring is replaced by a window that frees anywhere.
 * - small frames: rhea leaves Nagle's algorithm on, which costs a delayed acknowledgement for each lone frame.
 * - cut settlement: a settlement whose answer can no longer come, because its link is gone, waits for the client's time-out.
 *   It fails at once here.
 */
import { createRequire } from "node:module";
import { AgentError } from "../core/error.ts";
import type { Log } from "../ports.ts";
import { installCloseGuard } from "./close-guard.ts";
import { DeliveryWindow } from "./delivery-window.ts";
import { guardFailures } from "./rhea-self-test.ts";

/** The version that these guards were written for. Another one is accepted when it passes the self-test. */
const KNOWN_RHEA_VERSION = "3.0.5";
/** AMQP 1.0 part 3 section 3.4.2: the descriptor of the outcome "accepted", the only one without content. */
const ACCEPTED = 0x24;
const PATCHED = Symbol.for("hybrid-sync-agent.rhea-guards");

interface Outcome {
  readonly descriptor: { readonly value: unknown };
}

interface AmqpCondition {
  readonly condition: string;
  readonly description: string;
}

export interface Delivery {
  readonly id: number;
  readonly link: Receiver;
  readonly state: Outcome | undefined;
  settled: boolean;
  remote_settled: boolean;
  remote_state: unknown;
  accept(): void;
  reject(error: AmqpCondition): void;
}

interface Receiver {
  readonly session: Session;
  dispatch(event: string, context: unknown): boolean;
  _context(context: { readonly delivery: Delivery }): unknown;
  on_detach(frame: unknown): void;
}

interface TransferFrame {
  readonly performative: {
    readonly delivery_id: number;
    readonly delivery_tag: Buffer;
    readonly message_format: number;
  };
  readonly payload: Buffer;
}

interface Incoming {
  deliveries: DeliveryWindow<Delivery>;
  updated: Delivery[];
  process(session: Session): void;
  on_transfer(frame: TransferFrame, receiver: unknown): void;
}

interface DispositionFrame {
  readonly first: number;
  readonly last: number;
  readonly state: Outcome;
}

interface Session {
  readonly incoming: Incoming;
  readonly connection: Connection;
  output(frame: DispositionFrame): void;
  create_receiver(name: string, options: object): Receiver;
  on_end(frame: unknown): void;
  _disconnect(): void;
  _reconnect(): void;
}

export interface Connection {
  readonly options: Readonly<Record<string, unknown>>;
  create_session(bufferSize?: unknown): Session;
  get_option(name: string, fallback?: unknown): unknown;
}

/** What the guards use of the module `rhea`. */
export interface Rhea {
  create_connection(options: { readonly id: string }): Connection;
  [PATCHED]?: boolean;
}

export interface GuardOptions {
  /** Where a guard says that it reached a limit. Without it: a process warning. */
  readonly log?: Pick<Log, "warn">;
}

type Warn = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/**
 * Patches the rhea that @azure/service-bus uses. Call it before the first client is made; a second call does nothing.
 * @throws AgentError `internal` when the guards do not work on the installed rhea
 */
export function installGuards(options: GuardOptions = {}): void {
  const warn = warner(options);
  const copies = rheaCopies();
  if (copies.size > 1) warn("bus.rhea-copies", { paths: [...copies.keys()] });
  for (const { rhea, version } of copies.values()) patchRhea(rhea, version, warn);
  installCloseGuard();
}

/**
 * Patches one loaded rhea, and proves it. Does nothing to one that is patched already.
 * @throws AgentError `internal` when a guard does not work on it
 */
export function patchRhea(rhea: Rhea, version: string, warn: Warn = warner({})): void {
  if (rhea[PATCHED] === true) return;
  const hint =
    version === KNOWN_RHEA_VERSION
      ? "reinstall the dependencies from the lockfile: the installed rhea was changed"
      : `the guards know rhea ${KNOWN_RHEA_VERSION}; install that version`;
  let failures: readonly string[];
  try {
    applyPatches(rhea, warn);
    failures = guardFailures(rhea);
  } catch (cause) {
    throw new AgentError("internal", `rhea ${version} cannot be guarded`, { cause, hint });
  }
  if (failures.length > 0) {
    throw new AgentError("internal", `rhea ${version}: no guard for ${failures.join(", ")}`, {
      hint,
    });
  }
  rhea[PATCHED] = true;
}

/** Every copy of rhea that the client can reach, by path: both it and core-amqp load it through rhea-promise. */
function rheaCopies(): Map<string, { readonly rhea: Rhea; readonly version: string }> {
  const client = createRequire(import.meta.url).resolve("@azure/service-bus");
  const owners = [client, createRequire(client).resolve("@azure/core-amqp")];
  const copies = new Map<string, { rhea: Rhea; version: string }>();
  for (const owner of owners) {
    const load = createRequire(createRequire(owner).resolve("rhea-promise"));
    const { version } = load("rhea/package.json") as { readonly version: string };
    copies.set(load.resolve("rhea"), { rhea: load("rhea") as Rhea, version });
  }
  return copies;
}

function warner(options: GuardOptions): Warn {
  const { log } = options;
  if (log !== undefined) return (event, fields) => log.warn(event, fields);
  return (event, fields) =>
    process.emitWarning(`${event} ${JSON.stringify(fields)}`, "ServiceBusGuardWarning");
}

function applyPatches(rhea: Rhea, warn: Warn): void {
  // The classes are private to rhea's modules; their prototypes are reached through instances that never connect.
  const connection = rhea.create_connection({ id: "guards" });
  const session = connection.create_session();
  const receiver = session.create_receiver("guards", { autoaccept: false, credit_window: 0 });
  mergeEqualOutcomesOnly(prototypeOf(session.incoming));
  freeAnywhere(prototypeOf(connection), prototypeOf(session), warn);
  sendSmallFramesAtOnce(prototypeOf(connection));
  failCutSettlements(prototypeOf(session), prototypeOf(receiver));
}

function prototypeOf<T extends object>(instance: T): T {
  return Object.getPrototypeOf(instance) as T;
}

function mergeEqualOutcomesOnly(prototype: Incoming): void {
  const { process } = prototype;
  prototype.process = function (this: Incoming, session: Session): void {
    if (this.updated.length < 2) {
      process.call(this, session);
      return;
    }
    const runs = runsOfEqualOutcomes(this.updated);
    // rhea writes and clears `updated` on every call, so that each run gets a disposition of its own.
    for (const run of runs.slice(0, -1)) {
      this.updated = run;
      process.call(this, session);
    }
    this.updated = runs.at(-1) ?? [];
    process.call(this, session);
  };
}

function runsOfEqualOutcomes(updated: readonly Delivery[]): Delivery[][] {
  const runs: Delivery[][] = [];
  for (const delivery of updated) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && isOneOutcome(last, delivery)) {
      run.push(delivery);
    } else runs.push([delivery]);
  }
  return runs;
}

/** That their ids follow one another, rhea itself makes sure of. */
function isOneOutcome(last: Delivery, next: Delivery): boolean {
  return last.state?.descriptor.value === ACCEPTED && next.state?.descriptor.value === ACCEPTED;
}

function freeAnywhere(connections: Connection, sessions: Session, warn: Warn): void {
  const { create_session } = connections;
  connections.create_session = function (this: Connection, bufferSize?: unknown): Session {
    return withWindow(create_session.call(this, bufferSize), warn);
  };
  const { _reconnect } = sessions;
  sessions._reconnect = function (this: Session): void {
    _reconnect.call(this);
    withWindow(this, warn);
  };
}

function withWindow(session: Session, warn: Warn): Session {
  const { capacity } = session.incoming.deliveries;
  session.incoming.deliveries = new DeliveryWindow<Delivery>(capacity, () => {
    warn("bus.deliveries-unsettled", {
      connection: session.connection.options["id"],
      unsettled: capacity,
    });
  });
  return session;
}

function sendSmallFramesAtOnce(prototype: Connection): void {
  const { get_option } = prototype;
  prototype.get_option = function (this: Connection, name: string, fallback?: unknown): unknown {
    if (name === "tcp_no_delay" && this.options[name] === undefined) return true;
    return get_option.call(this, name, fallback);
  };
}

function failCutSettlements(sessions: Session, receivers: Receiver): void {
  const { _disconnect, on_end } = sessions;
  sessions._disconnect = function (this: Session): void {
    failUnanswered(this);
    _disconnect.call(this);
  };
  sessions.on_end = function (this: Session, frame: unknown): void {
    failUnanswered(this);
    on_end.call(this, frame);
  };
  const { on_detach } = receivers;
  receivers.on_detach = function (this: Receiver, frame: unknown): void {
    failUnanswered(this.session, this);
    on_detach.call(this, frame);
  };
}

/** Answers the settlements that the broker no longer can, in the way it would refuse them. */
function failUnanswered(session: Session, receiver?: Receiver): void {
  const { deliveries } = session.incoming;
  // A session that is older than the guards still has rhea's own ring.
  if (!(deliveries instanceof DeliveryWindow)) return;
  for (const delivery of deliveries.held()) {
    if (receiver !== undefined && delivery.link !== receiver) continue;
    const isAsked = delivery.state !== undefined && !delivery.settled;
    if (!isAsked || delivery.remote_settled) continue;
    delivery.remote_settled = true;
    // A condition that the client does not retry: its retry would write to the same dead link.
    const description = "the link went away before the broker answered the settlement";
    delivery.remote_state = { error: { condition: "amqp:illegal-state", description } };
    delivery.link.dispatch("settled", delivery.link._context({ delivery }));
  }
}
