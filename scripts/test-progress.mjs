// Writes what a test run has come to, as JSON lines, for scripts/test.mjs, which reads them while the run is under way:
// a run that stands still writes no report at its end. A vitest reporter (https://vitest.dev/api/advanced/reporters).

import { appendFileSync } from "node:fs";

export default class TestProgress {
  #file = process.env.TEST_PROGRESS;

  onTestRunStart(specifications) {
    this.#write({ event: "start", files: specifications.map(({ moduleId }) => moduleId) });
  }

  onTestModuleQueued({ moduleId }) {
    this.#write({ event: "file", file: moduleId });
  }

  onTestCaseReady(test) {
    this.#write({ event: "test", file: test.module.moduleId, name: test.fullName });
  }

  onTestCaseResult(test) {
    this.#write({ event: "result", file: test.module.moduleId, name: test.fullName });
  }

  onTestModuleEnd(module) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const test of module.children.allTests()) counts[test.result().state] += 1;
    // A file that could not be loaded, or whose setup failed, has no failed test of its own.
    if (!module.ok() && counts.failed === 0) counts.failed = 1;
    this.#write({ event: "end", file: module.moduleId, ...counts });
  }

  #write(line) {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}
