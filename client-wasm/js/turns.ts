/**
 * Whose turn it is to write in this tab. Ordinary writes run side by side, and the module saves
 * together what comes together; a long one of our own wants the database to itself, for whoever
 * writes meanwhile makes it start again.
 */
export class Turns {
  readonly #running = new Set<Promise<unknown>>();
  #long: Promise<unknown> | undefined;

  /** Runs some work, after a long one that is under way. */
  async short<R>(work: () => Promise<R>): Promise<R> {
    while (this.#long) await this.#long;
    return this.#track(work());
  }

  /** Runs some long work, alone. */
  async long<R>(work: () => Promise<R>): Promise<R> {
    while (this.#long) await this.#long;
    const before = [...this.#running];
    const result = Promise.all(before).then(work);
    const done = result.then(nothing, nothing);
    this.#long = done;
    void done.then(() => {
      this.#long = undefined;
    });
    return this.#track(result);
  }

  /** Settles when everything begun so far has ended. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track<R>(result: Promise<R>): Promise<R> {
    const done: Promise<void> = result.then(nothing, nothing).then(() => void this.#running.delete(done));
    this.#running.add(done);
    return result;
  }
}

function nothing(): void {}
