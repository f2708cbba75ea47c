import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // A machine of others may stand still for longer than a limit of time; the reporter names what was tried twice.
    retry: process.env["CI"] === undefined ? 0 : 1,
    // The suites start real servers: two cores carry two of them.
    maxWorkers: Number(process.env["TEST_WORKERS"] ?? 2),
    // Of a suite that runs its tests at once, because they mostly wait.
    maxConcurrency: 8,
  },
});
