import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ServiceBusClient } from "@azure/service-bus";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ListenerPort } from "../../agent/sim/broker/listeners.ts";
import { MAIN, runCommand } from "../support/command.ts";
import { CERTIFICATE_FILES, writeCertificates } from "../support/openldap-certificates.ts";

interface Announced {
  readonly connectionString: string;
  readonly listeners: readonly ListenerPort[];
  readonly rules: readonly { readonly name: string; readonly connectionString: string }[];
}

const KEY = "a key from the environment";

describe("hybrid-agent sim broker", () => {
  let folder: string;
  let config: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sim-broker-"));
    await writeCertificates(folder);
    config = join(folder, "config.json");
    await writeFile(
      config,
      `{ // in the shape of the emulator
        "UserConfig": {
          "Namespaces": [{
            "Name": "n",
            "Queues": [
              { "Name": "mine", "AuthorizationRules": [{ "Name": "sender", "Rights": ["Send"] }] }
            ]
          }],
          "Listeners": {
            "Port": 0,
            "Tls": { "Port": 0, "Certificate": "${CERTIFICATE_FILES.certificate}", "Key": "${CERTIFICATE_FILES.key}" },
            "WebSocket": { "Port": 1 }
          }
        }
      }`,
    );
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start<T>(
    ...args: string[]
  ): Promise<{ announced: T; stop: () => Promise<unknown> }> {
    const child = spawn(process.execPath, [MAIN, "sim", "broker", ...args], {
      env: { ...process.env, HYBRID_SIM_KEY: KEY },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const texts: string[] = [];
    lines.on("line", (text) => texts.push(text));
    while (!texts.some((text) => text.startsWith("{") || text.startsWith("Ctrl+C"))) {
      await once(lines, "line", { signal: AbortSignal.timeout(20_000) });
    }
    const stop = async (): Promise<unknown> => {
      child.kill("SIGTERM");
      const [code] = await once(child, "exit");
      return code;
    };
    const [first = ""] = texts;
    return { announced: (args.includes("--json") ? JSON.parse(first) : texts) as T, stop };
  }

  it("listens where its config says, unless the command line says otherwise", async () => {
    const flags = ["--websocket-port", "0", "--json"];
    const { announced, stop } = await start<Announced>("--config", config, ...flags);
    const { connectionString, listeners, rules } = announced;
    expect(listeners.map(({ kind, host }) => `${kind} ${host}`)).toEqual([
      "amqp 127.0.0.1",
      "amqps 127.0.0.1",
      "ws 127.0.0.1",
      "wss 127.0.0.1",
    ]);
    expect(listeners.every(({ port }) => port > 1)).toBe(true);
    expect(connectionString).toContain(`SharedAccessKey=${KEY};`);
    const [rule] = rules;
    const client = new ServiceBusClient(rule?.connectionString ?? "", {
      retryOptions: { maxRetries: 0, timeoutInMs: 5_000 },
    });
    await client.createSender("mine").sendMessages({ body: "x" });
    await expect(client.createReceiver("mine").peekMessages(1)).rejects.toMatchObject({
      code: "UnauthorizedAccess",
    });
    await client.close();
    expect(await stop()).toBe(0);
  });

  it("says to a person where it listens and what each rule may do", async () => {
    const { announced, stop } = await start<string[]>("--port", "0");
    const shown = announced.map((line) =>
      line
        .replace(/:\d+(?=;|$)/, ":<port>")
        .replace(/SharedAccessKey=[^;]+/, "SharedAccessKey=<key>"),
    );
    expect(shown.slice(0, 5)).toEqual([
      "Service Bus broker, queues: requests, replies, writes, heartbeats",
      "listens on amqp://127.0.0.1:<port>",
      "connection string: Endpoint=sb://127.0.0.1:<port>;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=<key>;UseDevelopmentEmulator=true;",
      "rule agent, Listen on requests, Send on replies, Listen on writes, Send on heartbeats:",
      "  Endpoint=sb://127.0.0.1:<port>;SharedAccessKeyName=agent;SharedAccessKey=<key>;UseDevelopmentEmulator=true;",
    ]);
    expect(await stop()).toBe(0);
  });

  it.each([
    [["--websocket-tls-port", "0"], "wss needs a certificate"],
    [["--tls-port", "0"], "--tls-port needs --tls-certificate and --tls-key"],
    [["--tls-certificate", "x"], "TLS needs both --tls-certificate and --tls-key"],
    [["--port", "70000"], "70000 is not a whole number from 0 to 65535"],
  ])("refuses %j", async (args, words) => {
    const { code, stderr } = await runCommand(["sim", "broker", ...args]);
    expect([code, stderr.includes(words)]).toEqual([64, true]);
  });
});
