import { onTestFinished } from "vitest";
import {
  ScimTarget,
  type ScimTargetOptions,
  type ScimTargetParts,
} from "../../agent/target/scim-target.ts";
import { MemoryLog } from "./memory-log.ts";
import { type Answer, ScimEndpoint } from "./scim-endpoint.ts";

export const TARGET_TOKEN = "token-of-the-target";

export interface TargetWorld {
  readonly endpoint: ScimEndpoint;
  readonly target: ScimTarget;
  readonly log: MemoryLog;
  /** Milliseconds of every pause, none of which was waited for. */
  readonly pauses: number[];
  /** Lines of the endpoint's log: method, path without query, status is the answer's. */
  asked(): readonly string[];
}

/** An endpoint and a target that talks to it; both are closed when the test is over. */
export async function openTarget(
  answer: Answer,
  {
    options = {},
    parts = {},
    tls,
  }: {
    readonly options?: Partial<ScimTargetOptions>;
    readonly parts?: Partial<ScimTargetParts>;
    readonly tls?: { readonly cert: string; readonly key: string };
  } = {},
): Promise<TargetWorld> {
  const endpoint = new ScimEndpoint(answer, tls);
  await endpoint.listen();
  onTestFinished(() => endpoint.close());
  const log = new MemoryLog();
  const pauses: number[] = [];
  let now = Date.parse("2030-01-01T00:00:00Z");
  const target = new ScimTarget(
    { url: endpoint.url, style: "rfc7644", timeoutMs: 5_000, ...options },
    {
      readToken: async () => TARGET_TOKEN,
      clock: { now: () => now },
      random: () => 0,
      log,
      pause: async (ms, signal) => {
        signal.throwIfAborted();
        pauses.push(ms);
        now += ms;
      },
      ...parts,
    },
  );
  onTestFinished(() => target.close());
  const asked = () =>
    endpoint.requests.map(({ method, target: path }) => `${method} ${path.split("?")[0]}`);
  return { endpoint, target, log, pauses, asked };
}

/** The query of a request, decoded. */
export function queryOf(target: string): Readonly<Record<string, string>> {
  return Object.fromEntries(new URL(target, "http://host").searchParams);
}
