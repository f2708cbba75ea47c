import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Benches print what they measure and assert nothing about time: `npm run bench`. */
export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/bench/**/*.bench.ts"],
    testTimeout: 600_000,
    hookTimeout: 300_000,
    // One at a time, or they measure each other.
    maxWorkers: 1,
    disableConsoleIntercept: true,
  },
});
