import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // The suites start real servers: two cores carry two of them.
    maxWorkers: 2,
    // Of a suite that runs its tests at once, because they mostly wait.
    maxConcurrency: 8,
  },
});
