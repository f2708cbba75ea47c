import { expect, it } from "vitest";
import { runCommand } from "../support/command.ts";

it("shows a full listing, a look-up and a refused look-up, and ends with 0", async () => {
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
});
