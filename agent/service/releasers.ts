/** Undoes something that was acquired. */
export type Release = () => Promise<void> | void;

/** What a process has to give back, newest first. Everything is tried, whatever fails. */
export class Releasers {
  readonly #releases: Release[] = [];

  add(release: Release): void {
    this.#releases.push(release);
  }

  /** @throws AggregateError with what failed, after all were tried */
  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (
      let release = this.#releases.pop();
      release !== undefined;
      release = this.#releases.pop()
    ) {
      try {
        await release();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "not everything could be given back");
  }
}
