import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MAIN, runCommand } from "../support/command.ts";

interface Announced {
  readonly port: number;
  readonly url: string;
  readonly profile: string;
  readonly token?: string;
}

const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const READY_TIMEOUT_MS = 20_000;

describe("hybrid-agent sim scim-app", () => {
  let folder: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sim-scim-app-"));
  });

  afterEach(() => {
    for (const child of children.splice(0)) if (child.exitCode === null) child.kill("SIGKILL");
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [MAIN, "sim", "scim-app", "--port", "0", ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    const texts: string[] = [];
    lines.on("line", (text) => texts.push(text));
    const printed = async (wanted: string) => {
      while (!texts.some((text) => text.includes(wanted))) {
        await once(lines, "line", { signal: AbortSignal.timeout(READY_TIMEOUT_MS) });
      }
    };
    await printed(args.includes("--json") ? "{" : "Ctrl+C");
    const stop = async (): Promise<unknown> => {
      child.kill("SIGTERM");
      const [code] = await once(child, "exit");
      return code;
    };
    return { texts, printed, stop };
  }

  it("prints one line of JSON, asks for its token and keeps its file", async () => {
    const file = join(folder, "app.json");
    const env = { HYBRID_SIM_TOKEN: "from-the-environment" };
    const post = (url: string, token: string) =>
      fetch(`${url}/Users`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/scim+json" },
        body: JSON.stringify({ schemas: [USER], userName: "ada" }),
      });
    const first = await start(["--json", "--profile", "entra", "--file", file], env);
    const announced = JSON.parse(first.texts.join("\n")) as Announced;
    const { port, url } = announced;
    expect(announced).toEqual({
      port,
      url: `http://127.0.0.1:${port}`,
      profile: "entra",
      token: "from-the-environment",
    });
    expect((await post(url, "wrong")).status).toBe(401);
    expect((await post(url, "from-the-environment")).status).toBe(201);
    expect(await first.stop()).toBe(0);
    expect(first.texts).toHaveLength(1);

    const second = await start(["--json", "--file", file, "--token", "0n-the-line"], env);
    const again = JSON.parse(second.texts.join("\n")) as Announced;
    expect(again).toMatchObject({ profile: "rfc", token: "0n-the-line" });
    expect((await post(again.url, "0n-the-line")).status).toBe(409);
    expect(await second.stop()).toBe(0);
  });

  it("tells a person where it is and what it is asked", async () => {
    const { texts, printed, stop } = await start(["--token", "--faults", "503:1"]);
    expect(texts[0]).toMatch(/^SCIM service provider at http:\/\/127\.0\.0\.1:\d+, profile rfc$/);
    expect(texts[1]).toMatch(/^token: [\w-]{32}$/);
    const url = /http:\S+\d/.exec(texts[0] ?? "")?.[0];
    const reply = await fetch(`${url}/Users?filter=userName%20eq%20"ada"`);
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([503, "1"]);
    await printed("/Users");
    expect(texts.at(-1)).toMatch(
      /^\d\d:\d\d:\d\d GET {4}\/Users 503 \d+ ms {2}a fault that was asked for$/,
    );
    expect(await stop()).toBe(0);
  });

  it.each([
    ["a fault that is none", ["--faults", "often"]],
    ["another profile", ["--profile", "okta"]],
    ["a port that is none", ["--port", "x"]],
    ["a token that fits in no header", ["--token", "a b"]],
  ])("refuses %s", async (_what, args) => {
    const { code, stdout } = await runCommand(["sim", "scim-app", ...args]);
    expect([code, stdout]).toEqual([64, ""]);
  });
});
