/** What the airbag holds waits until the person decides, and is asked once more as it was asked for. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Database, Doc, Events, SyncOptions, SyncReport } from 'tidemark';
import { Steering } from './steering';

const REPORT = { in_sync: true, mode: 'fast' } as SyncReport;
const NUMBERS = { deletes: 40, changes: 0, live: 50 };
const AIRBAG = { ...NUMBERS, mode: 'auto' as const };

/** A database of which only the sync is there. */
class Fake {
  asked: SyncOptions[] = [];
  /** The next sync is held. */
  holds = false;
  pendingDocs: Partial<Doc>[] = [];
  undone: string[] = [];
  readonly #listeners = new Map<string, (detail: never) => void>();

  on(name: string, listener: (detail: never) => void): () => void {
    this.#listeners.set(name, listener);
    return () => void this.#listeners.delete(name);
  }

  emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    this.#listeners.get(name)?.(detail as never);
  }

  async sync(options: SyncOptions): Promise<SyncReport> {
    this.asked.push(options);
    this.emit('status', { phase: 'pushing', online: true, pending: 1 });
    if (!this.holds) return REPORT;
    this.emit('airbag', AIRBAG);
    const error = Object.assign(new Error('held'), { code: 'airbag', help: '' });
    this.emit('status', { phase: 'idle', online: true, pending: 1, error });
    throw error;
  }

  async pending(): Promise<Partial<Doc>[]> {
    return this.pendingDocs;
  }

  collection() {
    return { get: async (key: string) => (key === 'edited' ? {} : undefined), undo: async (key: string) => void this.undone.push(key) };
  }

  async batch(work: (batch: this) => Promise<void>): Promise<void> {
    await work(this);
  }
}

let fake: Fake;
let steering: Steering;
beforeEach(() => {
  fake = new Fake();
  steering = new Steering(fake as unknown as Database);
});

describe('Steering', () => {
  it('keeps what came of the last sync that was asked for', async () => {
    const seen = vi.fn();
    steering.subscribe(seen);
    const run = steering.run({ mode: 'repair' });
    expect(steering.now().running).toEqual({ mode: 'repair' });
    await run;
    expect(steering.now()).toMatchObject({ last: { how: { mode: 'repair' }, report: REPORT } });
    expect(steering.now().running).toBeUndefined();
    expect(seen).toHaveBeenCalled();
  });

  it('confirms just what was held', async () => {
    fake.holds = true;
    const { error } = await steering.run({ mode: 'push_truth' });
    expect(error).toMatchObject({ code: 'airbag' });
    expect(steering.now().held).toEqual({ ...NUMBERS, how: { mode: 'push_truth' } });
    fake.holds = false;
    await steering.confirm();
    expect(fake.asked).toEqual([{ mode: 'push_truth' }, { mode: 'push_truth', confirm: true }]);
    expect(steering.now().held).toBeUndefined();
  });

  it('holds a sync that nobody asked for, and lets go when a later one goes through', () => {
    fake.emit('airbag', AIRBAG);
    expect(steering.now().held).toEqual({ ...NUMBERS, how: {} });
    fake.emit('status', { phase: 'pushing', online: true, pending: 1 });
    expect(steering.now().held).toBeDefined();
    fake.emit('status', { phase: 'idle', online: true, pending: 0 });
    expect(steering.now().held).toBeUndefined();
  });

  it('does not come back by itself after “not now”, but when the person asks', async () => {
    fake.emit('airbag', AIRBAG);
    steering.putOff();
    fake.emit('airbag', { ...AIRBAG, deletes: 41 });
    expect(steering.now()).toMatchObject({ isPutOff: true, held: { deletes: 41 } });
    fake.holds = true;
    await steering.run({});
    expect(steering.now().isPutOff).toBe(false);
  });

  it('keeps holding when the answer to “go on” is lost', async () => {
    fake.emit('airbag', AIRBAG);
    vi.spyOn(fake, 'sync').mockRejectedValueOnce(Object.assign(new Error('no network'), { code: 'offline' }));
    const { error } = await steering.confirm();
    expect(error).toMatchObject({ code: 'offline' });
    expect(steering.now().held).toBeDefined();
  });

  it('takes the truth: deletions are dropped, other changes stay set aside', async () => {
    const problem = { code: 'pull_truth' };
    fake.pendingDocs = [
      { key: 'deleted', entity: 'todo', state: 'rejected', problem },
      { key: 'edited', entity: 'todo', state: 'rejected', problem },
      { key: 'broken', entity: 'todo', state: 'rejected', problem: { code: 'too_large' } },
    ];
    fake.emit('airbag', AIRBAG);
    await steering.takeTruth();
    expect(fake.asked).toEqual([{ mode: 'pull_truth' }]);
    expect(fake.undone).toEqual(['deleted']);
    expect(steering.now().held).toBeUndefined();
  });
});
