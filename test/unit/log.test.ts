import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { AgentError } from "../../agent/core/error.ts";
import { openLog } from "../../agent/service/log.ts";
import { prettyLine } from "../../agent/service/pretty-line.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "log-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function written(): Promise<readonly Record<string, unknown>[]> {
  const [name = ""] = (await readdir(directory)).filter((file) => /^agent-.*\.log$/.test(file));
  const text = await readFile(join(directory, name), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

it("writes one event a line, with the fields of the children, and nothing below its level", async () => {
  const log = openLog({
    level: "info",
    console: "off",
    file: { directory, maxSize: "1m", maxFiles: "1d" },
  });
  log.info("agent.started", { name: "test" });
  log.debug("entry.mapped", { id: "1" });
  log
    .child({ requestId: "r1" })
    .child({ correlationId: "c1" })
    .warn("request.failed", { text: "two\nlines" });
  await log.close();
  expect(await written()).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: "info",
      event: "agent.started",
      name: "test",
    },
    {
      time: expect.any(String),
      level: "warn",
      event: "request.failed",
      requestId: "r1",
      correlationId: "c1",
      text: "two\nlines",
    },
  ]);
});

it("keeps secrets out, wherever they stand, and says what an error was", async () => {
  const log = openLog({
    level: "info",
    console: "off",
    file: { directory, maxSize: "1m", maxFiles: "1d" },
  });
  const cause = new Error("Endpoint=sb://x/;SharedAccessKey=abc123=;EntityPath=q");
  log.error("bus.failed", {
    password: "hunter2",
    error: new AgentError("bus.denied", "refused", { cause, hint: "look" }),
  });
  await log.close();
  const [line] = await written();
  expect(JSON.stringify(line)).not.toMatch(/hunter2|abc123/);
  expect(line).toMatchObject({
    password: "[redacted]",
    error: {
      name: "AgentError",
      code: "bus.denied",
      message: "refused",
      hint: "look",
      cause: { name: "Error" },
    },
  });
});

it("says what to do when the folder cannot be made", () => {
  const file = { directory: "/dev/null/log", maxSize: "1m", maxFiles: "1d" };
  expect(() => openLog({ level: "info", console: "off", file })).toThrow(
    "log.file.directory: cannot make /dev/null/log",
  );
});

it("prints a line for a person without what is not there, and without a line break in it", () => {
  const line = prettyLine({
    time: "2026-01-02T03:04:05.678Z",
    level: "info",
    event: "a.b",
    x: undefined,
    y: 1,
    z: "two\nlines",
  });
  expect(line).toBe('03:04:05.678 info  a.b y=1 z="two\\nlines"');
});
