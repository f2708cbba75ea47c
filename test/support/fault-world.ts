import { createHash, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { RetryingRequester } from "../../agent/bus/retrying-requester.ts";
import { ServiceBusRequester } from "../../agent/bus/service-bus-requester.ts";
import { replyElements } from "../../agent/core/reply-elements.ts";
import type { OutgoingRequest, Reply, Requester } from "../../agent/ports.ts";
import { type AgentFiles, writeAgentFiles } from "./agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "./broker-process.ts";
import { type AgentProcess, startAgent } from "./command.ts";
import type { DirectoryProcess } from "./directory-process.ts";
import { MemoryLog } from "./memory-log.ts";
import { testQueues } from "./queues.ts";
import { times } from "./run-length.ts";

const LOCK_MS = 4_000;
/** As small as the agent allows, so that a listing has many parts. */
const PART_BYTES = 8_192;
/** Some faults take the client its time-out of 15 s each time that they strike. */
const REQUEST_TIMEOUT_MS = times({ short: 120_000, long: 300_000 });
const SETTLED_TIMEOUT_MS = 30_000;

export interface FaultWorldOptions {
  readonly directory: DirectoryProcess;
  /** Agents that compete; 1 unless given. */
  readonly agents?: number;
}

/** What was asked, and what a right answer to it is. */
interface Question {
  readonly request: Pick<OutgoingRequest, "method" | "path" | "body" | "stream">;
  readonly answer: string;
}

export interface Tally {
  requests: number;
  parts: number;
  /** Parts that came again. */
  repeated: number;
  /** Answers besides the one that was taken. */
  dropped: number;
  /** Requests that were sent again as another message, after a failure that may pass. */
  retried: number;
}

/** A broker and agents, each a process of its own, and a requester that knows the right answers beforehand. */
export class FaultWorld {
  readonly broker: BrokerProcess;
  readonly #requester: Requester;
  readonly #log: MemoryLog;
  readonly #files: AgentFiles;
  readonly #agents: AgentProcess[];
  #questions: readonly Question[] = [];

  private constructor(parts: {
    readonly broker: BrokerProcess;
    readonly requester: Requester;
    readonly log: MemoryLog;
    readonly files: AgentFiles;
    readonly agents: AgentProcess[];
  }) {
    this.broker = parts.broker;
    this.#requester = parts.requester;
    this.#log = parts.log;
    this.#files = parts.files;
    this.#agents = parts.agents;
  }

  static async open({ directory, agents = 1 }: FaultWorldOptions): Promise<FaultWorld> {
    const broker = await startBrokerProcess(testQueues({ lockDurationMs: LOCK_MS }));
    const { connectionString } = broker;
    const files = await writeAgentFiles({
      connectionString,
      url: directory.url,
      baseDn: directory.baseDn,
      bindDn: directory.bindDn,
      bindPassword: directory.bindPassword,
      bus: { partBytes: PART_BYTES, maxDeliveries: 8, watchdogInterval: "2s" },
      log: { level: "info" },
    });
    const running: AgentProcess[] = [];
    for (let index = 0; index < agents; index++) running.push(await startAgent(files.configPath));
    const log = new MemoryLog();
    const bare = new ServiceBusRequester(
      {
        credential: { kind: "connectionString", connectionString },
        requestQueue: "requests",
        replyQueue: "replies",
        limits: { heartbeatMs: 2_000, answerMs: 4_000 },
      },
      { log },
    );
    const clock = { now: () => Date.now() };
    const requester = new RetryingRequester(bare, { clock, random: () => Math.random(), log });
    const world = new FaultWorld({ broker, requester, log, files, agents: running });
    await world.#learn();
    return world;
  }

  get agents(): readonly AgentProcess[] {
    return this.#agents;
  }

  get #retried(): number {
    return this.#log.lines.filter(({ event }) => event === "request.retried").length;
  }

  /** Kills an agent and starts another one in its place. */
  async replaceAgent(index: number): Promise<void> {
    await this.#agents[index]?.kill("SIGKILL");
    this.#agents[index] = await startAgent(this.#files.configPath);
  }

  /** Asks everything once while nothing disturbs. */
  async #learn(): Promise<void> {
    const everything = { method: "POST", path: "/.delta", body: {}, stream: true };
    const reply = await this.#request(everything);
    const ids: string[] = [];
    const names: string[] = [];
    for await (const element of replyElements(reply.documents())) {
      const change = element as { changedResourceId: string; data?: { userName?: string } };
      ids.push(change.changedResourceId);
      if (change.data?.userName !== undefined) names.push(change.data.userName);
    }
    await reply.release();
    if (ids.length < 100 || names.length < 50) throw new Error("the directory is too small");
    const requests = [
      ...names.slice(0, 4).map((name) => ({
        method: "POST",
        path: "/Users/.search",
        body: { filter: `userName eq "${name}"` },
        stream: false,
      })),
      { method: "GET", path: `/Users/${ids[0]}`, stream: false },
      { method: "GET", path: "/Users/00000000-0000-0000-0000-000000000000", stream: false },
      everything,
    ];
    const questions: Question[] = [];
    for (const request of requests) {
      const answered = await this.#request(request);
      questions.push({ request, answer: await digestAnswer(answered) });
      await answered.release();
    }
    this.#questions = questions;
  }

  #request(request: Question["request"], signal?: AbortSignal): Promise<Reply> {
    return this.#requester.request(
      {
        ...request,
        correlationId: randomUUID(),
        timeoutMs: REQUEST_TIMEOUT_MS,
        idleTimeoutMs: REQUEST_TIMEOUT_MS,
      },
      {},
      signal ?? AbortSignal.timeout(REQUEST_TIMEOUT_MS + 10_000),
    );
  }

  /**
   * Sends `count` requests, `inFlight` at a time, and compares each answer with the right one.
   * @throws Error at the first one that is wrong or missing
   */
  async ask(
    count: number,
    { inFlight = 8, onAnswer }: { readonly inFlight?: number; readonly onAnswer?: () => void } = {},
  ): Promise<Tally> {
    const tally: Tally = { requests: 0, parts: 0, repeated: 0, dropped: 0, retried: 0 };
    const retriedBefore = this.#retried;
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let turn = next++; turn < count; turn = next++) {
        const question = this.#questions[turn % this.#questions.length];
        if (question === undefined) throw new Error("no questions were learned");
        const reply = await this.#request(question.request);
        const answer = await digestAnswer(reply);
        const { method, path } = question.request;
        if (answer !== question.answer) {
          throw new Error(`${method} ${path} was answered ${answer}, expected ${question.answer}`);
        }
        const { repeated, dropped } = reply.counts();
        tally.requests++;
        tally.parts += reply.parts;
        tally.repeated += repeated;
        tally.dropped += dropped;
        await reply.release();
        onAnswer?.();
      }
    };
    await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
    tally.retried = this.#retried - retriedBefore;
    return tally;
  }

  /**
   * Waits until no request is on the queue or locked.
   * @throws Error when some stay, or were dead-lettered
   */
  async settled(): Promise<void> {
    const endsAt = performance.now() + SETTLED_TIMEOUT_MS;
    for (;;) {
      const { active, locked, deadLettered } = await this.broker.stats("requests");
      if (deadLettered > 0) throw new Error(`${deadLettered} requests were dead-lettered`);
      if (active + locked === 0) return;
      if (performance.now() > endsAt) {
        throw new Error(`of the requests ${active} are still on the queue, ${locked} locked`);
      }
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    await this.#requester.close();
    await Promise.all(this.#agents.map((agent) => agent.kill("SIGKILL")));
    await this.#files.remove();
    await this.broker.stop();
  }
}

/** Status, number and content of what was answered, each element as often as it came; tokens and times aside. */
async function digestAnswer(reply: Reply): Promise<string> {
  const texts: string[] = [];
  if (reply.status === 200) {
    for await (const element of replyElements(reply.documents()))
      texts.push(JSON.stringify(element));
  }
  if (texts.length === 0) {
    for await (const document of reply.documents()) texts.push(JSON.stringify(document));
  }
  const digest = createHash("sha256").update(texts.sort().join("\n")).digest("hex").slice(0, 16);
  return `${reply.status} with ${texts.length} elements (${digest})`;
}
