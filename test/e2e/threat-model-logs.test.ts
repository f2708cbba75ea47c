import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServiceBusMessage } from "@azure/service-bus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SCIM_TOKEN } from "../support/agent-files.ts";
import { MAIN, runCommand, startAgent } from "../support/command.ts";
import { rawRequest } from "../support/raw-bus.ts";
import type { Undo } from "../support/requester-world.ts";
import { BIND, json, RightsWorld, search } from "../support/rights-world.ts";
import { ScimClient } from "../support/scim-client.ts";

const undo: Undo = [];
let world: RightsWorld;

beforeAll(async () => {
  world = await RightsWorld.open(undo);
});

afterAll(async () => {
  for (const release of undo.splice(0).reverse()) await release();
});

/** What a person or a shipper of logs takes for a new line, and what moves a terminal's cursor. */
const BREAKS = ["\n", "\r", "\r\n", "\u001b[2K\u001b[1A", "\u0000", "\u0008", "\u2028", "\u0085"];
const FORGED = ['{"event":"forged"}', "12:00:00.000 error forged"];

/** Control characters, and what else ends a line somewhere. */
function hasControl(line: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(line);
}

/** Requests with each line in each place that a log may repeat. */
function forgeries(): readonly ServiceBusMessage[] {
  const good = { replyTo: "replies", replyToSessionId: "any" };
  return BREAKS.flatMap((end) =>
    FORGED.flatMap((line) => {
      const text = `${end}${line}${end}`;
      const headers = { "http:request": "1.1", directory: text, traceparent: text, prefer: text };
      return [
        { ...good, messageId: `${randomUUID().slice(0, 8)}${text}` },
        { ...good, correlationId: text },
        { ...good, to: `/${text}` },
        { ...good, to: `/Users/${text}` },
        { ...good, to: `/agent/${text}` },
        { replyTo: `replies${text}` },
        { ...good, applicationProperties: headers, to: "/Users", correlationId: text },
        { ...good, subject: `GET${text}` },
        { ...good, ...search(`userName eq ${JSON.stringify(text)}`) },
        { ...good, ...search(`x${text} eq 1`) },
        { ...good, subject: "POST", to: "/agent/explain", body: json({ dn: `cn=${text}` }) },
      ].map((changes) => rawRequest(changes));
    }),
  );
}

/** Everything that an agent wrote while it took these requests. */
async function logOf(
  console: "json" | "pretty",
  messages: readonly ServiceBusMessage[],
): Promise<string> {
  const { configPath } = await world.files({ log: { console } });
  const child = spawn(process.execPath, [MAIN, "run", "--config", configPath], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  undo.push(async () => child.kill("SIGKILL"));
  const chunks: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  const text = () => Buffer.concat(chunks).toString("utf8");
  const bus = await world.bus("send-requests");
  for (const message of messages) await bus.send("requests", message);
  const settled = /request\.(?:answered|failed|deadLettered)/g;
  await expect
    .poll(() => text().match(settled)?.length, { timeout: 25_000 })
    .toBeGreaterThanOrEqual(messages.length);
  child.kill("SIGTERM");
  await once(child, "close");
  return text();
}

it("T6: somebody with Send on requests cannot forge a line of the log, of either form", async () => {
  const [asJson, asText] = [forgeries(), forgeries()];
  const lines = (await logOf("json", asJson)).trimEnd().split("\n");
  const parsed = lines.map((line) => JSON.parse(line));
  const events = new Set(parsed.map(({ event }) => event));
  expect([...events].filter((event) => !/^[a-z]+\.[a-zA-Z]+$/.test(event))).toEqual([]);
  // What came is there, within its line.
  const ids = new Set(parsed.map(({ requestId }) => requestId));
  expect(asJson.filter(({ messageId }) => !ids.has(messageId))).toEqual([]);

  const pretty = (await logOf("pretty", asText)).trimEnd().split("\n");
  const head = /^\d\d:\d\d:\d\d\.\d{3} (?:error|warn |info |debug) [a-z]+\.[a-zA-Z]+(?: |$)/;
  expect(pretty.filter((line) => !head.test(line))).toEqual([]);
  expect([...lines, ...pretty].filter(hasControl)).toEqual([]);
  expect(pretty.filter((line) => line.includes("forged")).length).toBeGreaterThan(0);
  // Of a path below a resource type nothing is shown but that.
  const paths = new Set(parsed.map(({ path }) => String(path)));
  expect([...paths].filter((path) => path.startsWith("/Users/") && path !== "/Users/{id}")).toEqual(
    ["/Users/.search"],
  );
}, 90_000);

const KEY = "Qm9ndXNTZWNyZXRLZXkxMjM0NTY3ODkwYWJjZGVmZ2g=";
const HALF = KEY.length / 2;
const TOKEN_OF_NOBODY = "guessed-token-0123456789";

function expectNoSecret(text: string, secrets: readonly string[], where: string): void {
  for (const secret of secrets) expect(text.includes(secret), where).toBe(false);
}

describe("somebody who reads the logs or the dead-letter queue", () => {
  it("T16: finds no key of a connection string that was mistyped", async () => {
    const at = "Endpoint=sb://127.0.0.1:1/";
    const local = "UseDevelopmentEmulator=true";
    const mistyped = [
      KEY,
      `${at};SharedAccessKeyName=agent;SharedAccessKey:${KEY}`,
      `${at};SharedAccessKeyName=agent;SharedAcessKey=${KEY};${local}`,
      `${at}SharedAccessKeyName=agent;SharedAccessKey=${KEY};${local}`,
      `"${at};SharedAccessKeyName=agent;SharedAccessKey=${KEY};${local}"`,
      `${at} SharedAccessKeyName=agent SharedAccessKey=${KEY}`,
      `${at};SharedAccessKeyName=agent;SharedAccessKey=${KEY.slice(0, HALF)}\n${KEY.slice(HALF)};${local}`,
      `${at};SharedAccessKeyName=${KEY};SharedAccessKey=agent;${local}`,
      `${at};SharedAccessKeyName=agent;SharedAccessKey=${KEY};EntityPath=other;${local}`,
      `Endpoint=sb://agent:${KEY}@127.0.0.1:1/;${local}`,
      // A key where the host should be must not be looked up either.
      `Endpoint=${KEY};SharedAccessKeyName=agent;SharedAccessKey=sb://127.0.0.1:1;${local}`,
      `Endpoint=sb://${KEY}/;SharedAccessKeyName=agent;SharedAccessKey=x;${local}`,
      `Endpoint=sb://${KEY}@127.0.0.1:1/;SharedAccessKeyName=agent;SharedAccessKey=x;${local}`,
      (await world.connectionString("agent")).replace(
        /SharedAccessKey=[^;]+/,
        `SharedAccessKey=${KEY}`,
      ),
    ];
    const lane = async () => {
      for (let string = mistyped.pop(); string !== undefined; string = mistyped.pop()) {
        const { configPath } = await world.files({ connectionString: string });
        const { code, stdout, stderr } = await runCommand(["run", "--config", configPath]);
        expect([75, 77, 78]).toContain(code);
        const where = string.replaceAll(KEY, "<key>");
        expectNoSecret(`${stdout}${stderr}`, [KEY.slice(0, HALF), KEY.slice(HALF)], where);
      }
    };
    await Promise.all([lane(), lane()]);
  }, 120_000);

  it("T16: finds nothing of a secret that was put where it does not belong", async () => {
    const secret = "hunter2-of-the-directory";
    const changes = [
      { directory: { urls: [`ldap://cn=sync:${secret}@127.0.0.1`] } },
      { directory: { urls: [`ldaps://127.0.0.1/${secret}`] } },
      { directory: { bind: { dn: BIND.dn, password: secret } } },
      { bus: { connectionString: `Endpoint=sb://x/;SharedAccessKey=${secret}` } },
      { bus: { transport: "webSocket", proxy: `http://user:${secret}@127.0.0.1:3128` } },
      { scim: { enabled: true, token: secret } },
      { scim: { enabled: true, listen: secret } },
    ];
    const [inUrl] = changes;
    const runs = [
      ...changes.map((change) => ({ change, command: ["run"] })),
      { change: inUrl, command: ["scope", "preview"] },
      { change: inUrl, command: ["request", "GET", "/agent/health"] },
    ];
    const lane = async () => {
      for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
        const { configPath } = await world.files(run.change);
        const { code, stdout, stderr } = await runCommand([...run.command, "--config", configPath]);
        const where = `${run.command} ${JSON.stringify(run.change)}`;
        expect(code, where).toBe(78);
        expectNoSecret(`${stdout}${stderr}`, [secret], where);
      }
    };
    await Promise.all([lane(), lane()]);
    const { configPath } = await world.files();
    await writeFile(configPath, `version: 1\nbus: {connectionString: "${secret}\n  : [}`);
    const broken = await runCommand(["run", "--config", configPath]);
    expect(broken.code).toBe(78);
    expectNoSecret(broken.stderr, [secret], "a file that is no YAML");
  }, 120_000);

  it("T16: finds no secret of an agent at work at level debug, whatever goes wrong", async () => {
    const logs = join((await world.files()).folder, "log");
    const files = await world.files({
      scim: { enabled: true, listen: "127.0.0.1:0" },
      log: { level: "debug", file: { directory: logs } },
    });
    const key = /SharedAccessKey=([^;]+)/.exec(await world.connectionString("agent"))?.[1] ?? "";
    const agent = await startAgent(files.configPath);
    undo.push(() => agent.kill("SIGKILL"));
    const client = new ScimClient(String((await agent.logged("agent.started"))["scimUrl"]));
    undo.push(async () => client.close());
    await client.ask("/Users");
    await client.ask("/Users", { token: TOKEN_OF_NOBODY });
    await client.ask(`/Users/${TOKEN_OF_NOBODY}?access_token=${TOKEN_OF_NOBODY}`);
    await world.ask(search('userName eq "ada"'));
    const authorization = `Bearer ${TOKEN_OF_NOBODY}`;
    const applicationProperties = { "http:request": "1.1", authorization };
    const bus = await world.bus("send-requests");
    await bus.send("requests", rawRequest({ applicationProperties, replyTo: "elsewhere" }));
    const [dead] = await world.deadLetters(1);
    // The bind fails from now on, and so does the key.
    await writeFile(join(files.folder, "password"), `${BIND.password}-wrong`);
    await writeFile(join(files.folder, "scim-token"), "short");
    await client.ask("/Users", { token: TOKEN_OF_NOBODY });
    const { stderr, stdout } = await runCommand(["scope", "preview", "--config", files.configPath]);
    await agent.kill("SIGTERM");
    const file = await readFile(join(logs, "agent.log"), "utf8");
    const texts = {
      log: JSON.stringify(agent.log),
      file,
      "dead letter": JSON.stringify([dead?.deadLetterReason, dead?.deadLetterErrorDescription]),
      command: `${stdout}${stderr}`,
    };
    expect(agent.log.some(({ level }) => level === "debug")).toBe(true);
    expect(file).toContain("search.planned");
    expect(stderr).toContain("cannot bind");
    for (const [where, text] of Object.entries(texts)) {
      expectNoSecret(text, [key, BIND.password, SCIM_TOKEN, TOKEN_OF_NOBODY], where);
    }
  });
});
