import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type DirectoryServer, startDirectory } from "../../agent/sim/directory/server.ts";
import { type AgentFiles, writeAgentFiles } from "../support/agent-files.ts";
import { type BrokerProcess, startBrokerProcess } from "../support/broker-process.ts";
import { type AgentProcess, startAgent } from "../support/command.ts";
import { HttpFuzz } from "../support/http-fuzz.ts";
import { testQueues } from "../support/queues.ts";
import { times } from "../support/run-length.ts";
import { ScimClient } from "../support/scim-client.ts";

const SEED = 20_260_803;
/** More than the 10,000 that are promised: what leaks slowly has to show. */
const REQUESTS = times({ short: 30_000, long: 300_000 });
const WARM_UP = 4_000;
const SAMPLE_EVERY = 1_000;
const CONNECTIONS = 12;
/** How long to wait for an answer to what may be half a request. */
const QUIET_MS = 60;
/** Half of what a leak of 1 KiB a request would make of the requests after the warm-up. */
const MAX_GROWTH_KIB = (30_000 - WARM_UP) / 2;
/** Garbage is collected when there is enough of it, and what is enough would hide a leak: the process is a small one. */
const SMALL_HEAP = "--max-old-space-size=72";

/** Whatever was sent, one of these is the right answer. */
const STATUSES = "100 200 400 401 403 404 405 408 410 413 415 417 431 501".split(" ");

let directory: DirectoryServer;
let broker: BrokerProcess;
let files: AgentFiles;
let agent: AgentProcess;
let url: string;

beforeAll(async () => {
  const bind = { dn: "cn=sync,dc=example,dc=com", password: "secret" };
  directory = await startDirectory({ baseDn: "dc=example,dc=com", bind, company: { people: 20 } });
  broker = await startBrokerProcess(testQueues());
  files = await writeAgentFiles({
    connectionString: broker.connectionString,
    url: directory.url,
    baseDn: directory.baseDn,
    bindDn: bind.dn,
    bindPassword: bind.password,
    log: { level: "info" },
    scim: { enabled: true, listen: "127.0.0.1:0" },
  });
  const options = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = `${options ?? ""} ${SMALL_HEAP}`;
  agent = await startAgent(files.configPath);
  if (options === undefined) delete process.env["NODE_OPTIONS"];
  else process.env["NODE_OPTIONS"] = options;
  url = String((await agent.logged("agent.started"))["scimUrl"]);
});

afterAll(async () => {
  await agent?.kill("SIGKILL");
  await files?.remove();
  await broker?.stop();
  await directory?.close();
});

/** Sends bytes on a connection of their own; returns what came until it closed or fell silent. */
function exchange(bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = "";
    const end = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(QUIET_MS, end);
    socket.on("data", (chunk) => {
      answer += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", end);
    socket.end(bytes);
  });
}

async function rssKib(): Promise<number> {
  if (!agent.isAlive()) throw new Error(`the agent died: ${JSON.stringify(agent.log.slice(-20))}`);
  const status = await readFile(`/proc/${agent.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
}

it(
  "survives whatever comes over HTTP, answers it with what it is, and does not grow",
  async () => {
    const fuzz = new HttpFuzz(SEED);
    const statuses = new Map<string, number>();
    const wrong: string[] = [];
    const rss: number[] = [];
    let sent = 0;
    const work = async () => {
      while (sent < REQUESTS && wrong.length < 10) {
        if (++sent % SAMPLE_EVERY === 0) rss.push(await rssKib());
        const bytes = fuzz.bytes();
        const answer = await exchange(bytes);
        for (const [head, status = ""] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) .*?\r\n\r\n/gms)) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          const isScim =
            status === "100" || /content-type: application\/scim\+json\r\n/i.test(head);
          if (STATUSES.includes(status) && isScim) continue;
          wrong.push(`${JSON.stringify(bytes.toString("latin1").slice(0, 500))} -> ${head}`);
        }
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    expect(wrong).toEqual([]);
    expect(agent.log.filter(({ level }) => level === "error")).toEqual([]);
    // That all of them came shows that the requests were not all refused at the door.
    for (const status of ["200", "400", "401", "403", "404", "405", "413", "415", "431", "501"]) {
      expect([status, statuses.get(status) ?? 0]).toEqual([status, expect.toSatisfy((n) => n > 5)]);
    }
    const warm = Math.min(...rss.slice(WARM_UP / SAMPLE_EVERY - 2, WARM_UP / SAMPLE_EVERY));
    const grown = Math.min(...rss.slice(-3)) - warm;
    console.log(
      [
        `${sent} fuzzed requests, seed ${SEED}, answers by status: ${JSON.stringify(Object.fromEntries(statuses))}`,
        `memory ${Math.round(warm / 1024)} MiB after ${WARM_UP}, ${(grown / 1024).toFixed(1)} MiB more at the end, ${(MAX_GROWTH_KIB / 1024).toFixed(1)} allowed`,
      ].join("\n"),
    );
    expect(grown).toBeLessThan(MAX_GROWTH_KIB);
    const client = new ScimClient(url);
    const { status, body } = await client.ask("/Users?count=1");
    client.close();
    expect([status, body?.["totalResults"], body?.["itemsPerPage"]]).toEqual([200, 20, 1]);
  },
  times({ short: 240_000, long: 600_000 }),
);
