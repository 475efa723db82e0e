/** Several writes as one commit, over the module's batch. */
import { type Core, type CoreBatch, Operations, type Reading, Writing } from '../wasm/tidemark.js';
import { type Records, RecordsOf, type Write } from './collection.ts';
import { invalid, TidemarkError, toError } from './error.ts';
import { holding } from './locks.ts';
import { entityName } from './options.ts';
import { toSlices } from './text.ts';
import type { Batch, BatchCollection, Json } from './tidemark.d.ts';

/** A batch that still loses after so many runs is up against something that never stops writing. */
const RUNS = 100;

/**
 * Runs the work until its commit is not stale. Whoever came too late once goes on while the
 * others who did wait, so that everybody gets through.
 */
export async function runBatch<R>(core: Core, database: string, work: (batch: WorkBatch) => R | Promise<R>): Promise<Awaited<R>> {
  const first = await attempt(core, work);
  if (first.done) return first.result;
  let outcome: Outcome<R> = first;
  await holding(`tidemark:${database}:write`, async () => {
    for (let run = 1; run < RUNS && !outcome.done; run += 1) outcome = await attempt(core, work);
  });
  const last = outcome as Outcome<R>;
  if (last.done) return last.result;
  throw invalid('the batch was too late each time', 'Make the batch shorter: nothing of it was saved.');
}

type Outcome<R> = { done: true; result: Awaited<R> } | { done: false };

async function attempt<R>(core: Core, work: (batch: WorkBatch) => R | Promise<R>): Promise<Outcome<R>> {
  const inner = await core.begin();
  const batch = new WorkBatch(inner);
  try {
    const result = await work(batch);
    await batch.over();
    return (await inner.commit()) ? { done: true, result } : { done: false };
  } catch (thrown) {
    await batch.over();
    // The moment that it read is no longer on the disk: as good as too late.
    if (thrown instanceof TidemarkError && thrown.code === 'busy') return { done: false };
    throw thrown;
  } finally {
    inner.free();
  }
}

/** The batch that the work gets. Its calls run one after the other, in the order they were made. */
export class WorkBatch implements Batch, Records {
  readonly #inner: CoreBatch;
  #last: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(inner: CoreBatch) {
    this.#inner = inner;
  }

  collection<T = Json>(entity: string): BatchCollection<T> {
    return new RecordsOf<T>(this, entityName(entity));
  }

  async write(add: Write): Promise<string[]> {
    const [slices] = await this.#inTurn(() => {
      const operations = new Operations();
      add(operations);
      return this.#inner.write(operations);
    });
    return slices ?? [];
  }

  async createMany(entity: string, values: readonly unknown[]): Promise<string[]> {
    const answers: string[] = [];
    for await (const slice of toSlices(values)) {
      answers.push(...(await this.write(operations => operations.add(Writing.Create, entity, '', slice, ''))));
    }
    return answers;
  }

  read(what: Reading, entity: string, text: string): Promise<any> {
    return this.#inTurn(() => this.#inner.read(what, entity, text));
  }

  /** Takes no more calls, and waits for those already made. */
  async over(): Promise<void> {
    this.#isOver = true;
    await this.#last;
  }

  #inTurn<R>(call: () => Promise<R>): Promise<R> {
    if (this.#isOver) {
      return Promise.reject(invalid('the batch is over', 'Await every call of a batch before its work returns.'));
    }
    const result = this.#last.then(call).catch(thrown => {
      throw toError(thrown);
    });
    this.#last = result.catch(() => undefined);
    return result;
  }
}
