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

/** What takes less is over before anybody could read of it. */
const PATIENCE_MS = 1000;

/** Shows on a terminal what is being done once it takes a while; silent elsewhere. Writes to standard error alone. */
export class StepProgress {
  #step = "";
  #bar: SingleBar | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor() {
    if (process.stderr.isTTY !== true) return;
    this.#timer = setTimeout(() => {
      const format = "{step} · {duration_formatted}";
      this.#bar = new SingleBar({ format, hideCursor: true, clearOnComplete: true }, Presets.rect);
      this.#bar.start(0, 0, { step: this.#step });
    }, PATIENCE_MS);
  }

  begin(step: string): void {
    this.#step = step;
    this.#bar?.update({ step });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#bar?.stop();
  }
}
