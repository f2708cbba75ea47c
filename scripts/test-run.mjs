// What a test run has come to, from the lines of scripts/test-progress.mjs.

import { readFile } from "node:fs/promises";

/** A file without a new event for so long stands still. The longest limit of a test in a short run is below it. */
const SILENCE_MS = 5 * 60_000;
/** A worker that begins no file for so long, although some wait, stands still. */
const IDLE_MS = 2 * 60_000;

export class TestRun {
  #file;
  #workers;
  /** Of the file of events: what has been read. */
  #read = 0;
  #waiting = new Set();
  /** By file: the tests under way and the time of the last event. */
  #running = new Map();
  #ended = new Map();
  #lastBusy = Date.now();

  /** @param file of events @param workers that run at once */
  constructor(file, { workers }) {
    this.#file = file;
    this.#workers = workers;
  }

  /** @returns why the run stands still, or undefined */
  async stall() {
    await this.update();
    const now = Date.now();
    for (const [file, { since }] of this.#running) {
      if (now - since > SILENCE_MS) return `${file} has done nothing for ${minutes(now - since)}`;
    }
    if (this.#waiting.size === 0 || this.#running.size >= this.#workers) this.#lastBusy = now;
    if (now - this.#lastBusy <= IDLE_MS) return undefined;
    return `a worker has begun no file for ${minutes(now - this.#lastBusy)}, with ${this.#waiting.size} to come`;
  }

  async update() {
    const text = await readFile(this.#file, "utf8").catch(() => "");
    const end = text.lastIndexOf("\n") + 1;
    for (const line of text.slice(this.#read, end).split("\n")) {
      if (line !== "") this.#apply(JSON.parse(line));
    }
    this.#read = Math.max(this.#read, end);
  }

  #apply({ event, file, files, name, ...counts }) {
    if (event === "start") this.#waiting = new Set(files);
    if (event === "file") {
      this.#waiting.delete(file);
      this.#running.set(file, { since: Date.now(), tests: new Set() });
    }
    const running = this.#running.get(file);
    if (running !== undefined) running.since = Date.now();
    if (event === "test") running?.tests.add(name);
    if (event === "result") running?.tests.delete(name);
    if (event === "end") {
      this.#waiting.delete(file);
      this.#running.delete(file);
      this.#ended.set(file, counts);
    }
  }

  /** @returns the files that have not ended, each with the names of the tests that were under way */
  unfinished() {
    const running = [...this.#running].map(([file, { tests }]) => ({ file, tests: [...tests] }));
    return [...running, ...[...this.#waiting].map((file) => ({ file, tests: [] }))];
  }

  /** @returns {{passed: number, failed: number, skipped: number}} tests of the files that have ended */
  counts() {
    const sum = { passed: 0, failed: 0, skipped: 0 };
    for (const counts of this.#ended.values()) {
      for (const key of Object.keys(sum)) sum[key] += counts[key];
    }
    return sum;
  }
}

function minutes(ms) {
  return `${Math.floor(ms / 60_000)} minutes`;
}
