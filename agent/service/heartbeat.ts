import { schedule } from "node-cron";
import { HeartbeatSender } from "../bus/heartbeat-sender.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Log } from "../ports.ts";
import type { AgentHealth } from "../provider/health.ts";
import type { Listeners } from "./listeners.ts";

/** Longest time that directories are asked for a heartbeat. */
const HEALTH_TIMEOUT_MS = 10_000;

export interface HeartbeatParts {
  /** Name of this agent. */
  readonly name: string;
  readonly readHealth: (signal: AbortSignal) => Promise<AgentHealth>;
  readonly listeners: Listeners;
  readonly log: Log;
}

/**
 * Logs at the configured times that the agent lives, so that a quiet night is told from a dead agent, and sends it to the
 * heartbeat queue when there is one.
 * @returns how to end it
 */
export function startHeartbeat(
  { agent, bus }: Pick<AgentConfig, "agent" | "bus">,
  { name, readHealth, listeners, log }: HeartbeatParts,
): () => Promise<void> {
  const [listener] = listeners;
  const sender =
    bus.heartbeatQueue === undefined
      ? undefined
      : new HeartbeatSender({
          queue: bus.heartbeatQueue,
          post: (queue, message, signal) => listener.post(queue, message, signal),
          log,
        });
  const stop = new AbortController();
  const beat = async (intervalMs: number) => {
    const inFlight = listeners.reduce((sum, each) => sum + each.inFlight, 0);
    log.info("agent.alive", {
      uptimeSeconds: Math.floor(process.uptime()),
      inFlight,
      rssBytes: process.memoryUsage().rss,
      rebuilds: listeners.reduce((sum, each) => sum + each.rebuilds, 0),
      lastBusError: listeners.find((each) => each.lastError !== undefined)?.lastError?.code,
    });
    if (sender === undefined) return;
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(HEALTH_TIMEOUT_MS)]);
    const health = await readHealth(signal).catch(() => undefined);
    if (health !== undefined) await sender.send({ name, ...health, inFlight }, { intervalMs });
  };
  const task = schedule(agent.heartbeat, () => beat(task.msToNext() ?? 0), { noOverlap: true });
  return async () => {
    stop.abort();
    await task.destroy();
  };
}
