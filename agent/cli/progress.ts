import { Presets, SingleBar } from "cli-progress";

/** Shows on a terminal how far something long has come; silent elsewhere. Writes to standard error alone. */
export class Progress {
  readonly #bar: SingleBar | undefined;

  constructor(what: string) {
    if (process.stderr.isTTY !== true) return;
    const format = `{value} ${what} · {duration_formatted}`;
    this.#bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.rect);
    this.#bar.start(0, 0);
  }

  update(count: number): void {
    this.#bar?.update(count);
  }

  end(): void {
    this.#bar?.stop();
  }
}
