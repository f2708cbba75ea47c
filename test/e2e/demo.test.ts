import { expect, it } from "vitest";
import { runCommand } from "../support/command.ts";

it("shows requests to the agent, then the whole loop into the app, and ends with 0", async () => {
  const { code, stdout, stderr } = await runCommand([
    "demo",
    "--once",
    "--people",
    "120",
    "--no-logs",
  ]);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/-> POST \/\.delta/);
  expect(stdout).toMatch(/<- 200, \d+ parts? in \d+ ms: \d+ users, \d+ groups/);
  expect(stdout).toMatch(
    /-> POST \/Users\/\.search\s+\(userName eq "[^"]+"\)\n<- 200 in \d+ ms: 1 found/,
  );
  expect(stdout).toMatch(/out of scope\)\n<- 404/);
  expect(stdout).toContain("all answers are right");
  expect(stdout).toMatch(/initial cycle: Succeeded in [\d.]+ s\nimported \d+, in scope \d+/);
  expect(stdout).toMatch(/day 3 in the company\n {2}new\.\d+ was hired/);
  const compared = [...stdout.matchAll(/groups: (\d+) of (\d+) are right/g)];
  expect(compared.length).toBe(4);
  for (const [, right, all] of compared) expect(right).toBe(all);
  expect(stdout).toContain("app and directory agree, object by object");
});
