import { AgentError } from "../../core/error.ts";
import { draw, pick } from "../company/draw.ts";
import {
  type Fault,
  type FaultAction,
  type FaultPoint,
  type Moment,
  POSSIBLE,
  type RandomFaults,
} from "./fault.ts";

/** A fault that was armed. */
export interface ArmedFault {
  readonly id: number;
  /** Moments that it has struck so far. */
  readonly hits: number;
  /** Resolves when it has struck `count` times, once unless given. */
  hit(count?: number): Promise<void>;
  disarm(): void;
}

export interface FaultCount {
  readonly event: Moment["event"];
  readonly action: FaultAction["kind"];
  readonly hits: number;
}

/** Armed at the same time. */
const MAX_ARMED = 1_000;
const MAX_DELAY_MS = 3_600_000;
const MAX_WINDOW = 1_000;
const RANDOM_LIMIT = 1_000;

/** Keeps the draws "does it strike" and "which one" apart. */
const STRIKES = 1;
const WHICH = 2;

function refuse(problem: string): never {
  throw new AgentError("usage", `the fault cannot be armed: ${problem}`);
}

function checkCount(name: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    refuse(`${name} has to be a whole number from 1 to ${most}`);
  }
}

function checkAction(action: FaultAction): void {
  const ms = action.kind === "delay" || action.kind === "freeze" ? (action.ms ?? 0) : 0;
  if (!(ms >= 0 && ms <= MAX_DELAY_MS)) refuse(`ms has to be from 0 to ${MAX_DELAY_MS}`);
  if (action.kind === "reorder") checkCount("window", action.window, MAX_WINDOW);
}

function checkPoint(point: FaultPoint): void {
  if (!Object.hasOwn(POSSIBLE, point.event)) refuse(`there is no event '${point.event}'`);
  if (point.nth !== undefined) checkCount("nth", point.nth);
}

function operationName(operation: string | undefined): string | undefined {
  return operation?.replace(/^com\.microsoft:/, "");
}

function matches(point: FaultPoint, moment: Moment): boolean {
  return (
    point.event === moment.event &&
    (point.queue === undefined || point.queue.toLowerCase() === moment.queue) &&
    (point.role === undefined || point.role === moment.role) &&
    (point.connection === undefined || point.connection === moment.connection) &&
    (point.operation === undefined ||
      operationName(point.operation) === operationName(moment.operation))
  );
}

/** Counts what one armed fault strikes. */
abstract class Armed implements ArmedFault {
  readonly id: number;
  hits = 0;
  readonly #plan: FaultPlan;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(id: number, plan: FaultPlan) {
    this.id = id;
    this.#plan = plan;
  }

  /** What it does at this moment; every moment has to be shown to it. */
  abstract consider(moment: Moment): FaultAction | undefined;

  abstract get spent(): boolean;

  disarm(): void {
    this.#plan.remove(this);
  }

  hit(count = 1): Promise<void> {
    if (this.hits >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
    });
  }

  struck(): void {
    this.hits += 1;
    for (const { count, resolve } of this.#waiting) if (this.hits >= count) resolve();
  }
}

class AimedFault extends Armed {
  readonly #fault: Fault;
  readonly #first: number;
  readonly #last: number;
  #seen = 0;

  constructor(id: number, plan: FaultPlan, fault: Fault) {
    super(id, plan);
    const usual = fault.action.kind === "reorder" ? fault.action.window : 1;
    const times = fault.times ?? usual;
    this.#fault = fault;
    this.#first = fault.at.nth ?? 1;
    this.#last = times === "always" ? Number.POSITIVE_INFINITY : this.#first + times - 1;
  }

  consider(moment: Moment): FaultAction | undefined {
    if (!matches(this.#fault.at, moment)) return undefined;
    this.#seen += 1;
    return this.#seen >= this.#first && !this.#over ? this.#fault.action : undefined;
  }

  get #over(): boolean {
    return this.#seen > this.#last;
  }

  get spent(): boolean {
    return this.#seen >= this.#last;
  }
}

class RandomFault extends Armed {
  readonly #options: RandomFaults;
  readonly #limit: number;
  #seen = 0;

  constructor(id: number, plan: FaultPlan, options: RandomFaults) {
    super(id, plan);
    this.#options = options;
    this.#limit = options.limit ?? RANDOM_LIMIT;
  }

  consider(moment: Moment): FaultAction | undefined {
    const { seed, rate, actions, points } = this.#options;
    if (!points.some((point) => matches(point, moment))) return undefined;
    this.#seen += 1;
    if (this.spent || draw(seed, STRIKES, this.#seen) >= rate) return undefined;
    const possible = actions.filter(({ kind }) => POSSIBLE[moment.event].includes(kind));
    return possible.length === 0 ? undefined : pick(possible, draw(seed, WHICH, this.#seen));
  }

  get spent(): boolean {
    return this.hits >= this.#limit;
  }
}

/** Decides at which moments of a broker's work something goes wrong, and what. Does nothing by itself. */
export class FaultPlan {
  /** Whether any fault may strike: the one thing that is looked at when none is armed. */
  armed = false;
  readonly #faults = new Set<Armed>();
  readonly #counts = new Map<string, { -readonly [K in keyof FaultCount]: FaultCount[K] }>();
  #ids = 0;

  /** @throws AgentError `usage` when the action is not possible at this point, or a number makes no sense */
  arm(fault: Fault): ArmedFault {
    const { at, action, times } = fault;
    checkPoint(at);
    checkAction(action);
    if (times !== undefined && times !== "always") checkCount("times", times);
    if (!POSSIBLE[at.event].includes(action.kind)) {
      refuse(`'${action.kind}' is not possible at '${at.event}'`);
    }
    return this.#add(new AimedFault(this.#nextId(), this, fault));
  }

  /** @throws AgentError `usage` when one of the actions is possible at none of the points, or a number makes no sense */
  random(options: RandomFaults): ArmedFault {
    const { rate, actions, points, limit } = options;
    if (!(rate >= 0 && rate <= 1)) refuse("rate has to be from 0 to 1");
    if (limit !== undefined) checkCount("limit", limit);
    for (const point of points) {
      checkPoint(point);
      if (point.nth !== undefined) refuse("random points have no nth");
    }
    for (const action of actions) {
      checkAction(action);
      if (!points.some(({ event }) => POSSIBLE[event].includes(action.kind))) {
        refuse(`'${action.kind}' is possible at none of the points`);
      }
    }
    return this.#add(new RandomFault(this.#nextId(), this, options));
  }

  /** What goes wrong at this moment. Of several armed faults the oldest wins, the others count the moment all the same. */
  decide(moment: Moment): FaultAction | undefined {
    let struck: { readonly fault: Armed; readonly action: FaultAction } | undefined;
    for (const fault of this.#faults) {
      const action = fault.consider(moment);
      if (action !== undefined) struck ??= { fault, action };
      if (fault.spent && struck?.fault !== fault) this.remove(fault);
    }
    if (struck === undefined) return undefined;
    this.#count(moment, struck.action);
    struck.fault.struck();
    if (struck.fault.spent) this.remove(struck.fault);
    return struck.action;
  }

  /** How often what struck where, in the order of the first times. */
  counts(): FaultCount[] {
    return [...this.#counts.values()].map((count) => ({ ...count }));
  }

  /** Disarms everything; what is counted stays. */
  clear(): void {
    for (const fault of this.#faults) this.remove(fault);
  }

  remove(fault: Armed): void {
    this.#faults.delete(fault);
    this.armed = this.#faults.size > 0;
  }

  #nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  #add(fault: Armed): ArmedFault {
    if (this.#faults.size >= MAX_ARMED) refuse(`${MAX_ARMED} faults are armed already`);
    this.#faults.add(fault);
    this.armed = true;
    return fault;
  }

  #count({ event }: Moment, { kind }: FaultAction): void {
    const key = `${event} ${kind}`;
    const count = this.#counts.get(key) ?? { event, action: kind, hits: 0 };
    count.hits += 1;
    this.#counts.set(key, count);
  }
}
