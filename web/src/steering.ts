/**
 * The syncs that a person asks for: how, what came of the last one, and what the airbag holds until
 * they decide. Draws nothing. What is held is not kept: after a reload the next sync is held again.
 */
import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Airbag, Database, SyncOptions, SyncReport } from 'tidemark';
import { dropDeletions } from './aside';

/** How to sync, without what cancels it. */
export type How = Omit<SyncOptions, 'signal'>;

/** What came of a sync that was asked for. */
export interface Outcome {
  how: How;
  /** When it ended, in milliseconds since 1970. */
  at: number;
  report?: SyncReport;
  error?: unknown;
}

/** What a sync would do to the server's records, and how it was asked for. */
export interface Held extends Pick<Airbag, 'deletes' | 'changes' | 'live'> {
  how: How;
}

export interface Steered {
  /** What is under way because a person asked for it. */
  running?: How;
  last?: Outcome;
  held?: Held;
  /** The person has said “not now”; they may come back to it. */
  isPutOff: boolean;
}

export class Steering {
  #now: Steered = { isPutOff: false };
  readonly #watchers = new Set<() => void>();
  readonly #stops: (() => void)[];

  constructor(private readonly database: Database) {
    this.#stops = [
      database.on('airbag', (airbag) => this.#hold(airbag)),
      database.on('status', ({ phase, error }) => {
        // A sync went through after all, here or in another tab.
        if (phase === 'idle' && !error) this.#settle();
      }),
    ];
  }

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  };

  readonly now = (): Steered => this.#now;

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#watchers.clear();
  }

  /** Syncs as told, and keeps what came of it. Never fails: the outcome has the error. */
  async run(how: How): Promise<Outcome> {
    this.#change({ running: how, isPutOff: false });
    const outcome = await this.database.sync(how).then(
      (report): Outcome => ({ how, at: Date.now(), report }),
      (error: unknown): Outcome => ({ how, at: Date.now(), error }),
    );
    const { running: _, ...rest } = this.#now;
    this.#now = rest;
    this.#change({ last: outcome });
    if (outcome.report) this.#settle();
    return outcome;
  }

  /** Goes on with what is held: the person has seen what it does. */
  confirm(): Promise<Outcome> {
    return this.run({ ...this.#now.held?.how, confirm: true });
  }

  /**
   * Takes the server's records instead. What waited is set aside; the deletions among it are dropped,
   * so that what they hid is seen again.
   */
  async takeTruth(): Promise<Outcome> {
    const outcome = await this.run({ mode: 'pull_truth' });
    if (outcome.report) await dropDeletions(this.database);
    return outcome;
  }

  /** Leaves what is held for later; it is not asked again before a person asks, or a reload. */
  putOff(): void {
    this.#change({ isPutOff: true });
  }

  /** Shows again what was put off. */
  comeBack(): void {
    this.#change({ isPutOff: false });
  }

  #hold(airbag: Airbag & { mode?: SyncOptions['mode'] }): void {
    const { deletes, changes, live, mode } = airbag;
    const { confirm: _, ...asked } = this.#now.running ?? (mode && mode !== 'auto' ? { mode } : {});
    this.#change({ held: { deletes, changes, live, how: asked } });
  }

  #settle(): void {
    if (!this.#now.held) return;
    const { held: _, ...rest } = this.#now;
    this.#now = rest;
    this.#change({ isPutOff: false });
  }

  #change(part: Partial<Steered>): void {
    this.#now = { ...this.#now, ...part };
    for (const watcher of this.#watchers) watcher();
  }
}

export const SteeringContext = createContext<Steering | undefined>(undefined);

/** The syncs that a person asks for, and how they stand. */
export function useSteering(): Steered & { steering: Steering } {
  const steering = useContext(SteeringContext);
  if (!steering) throw new Error('useSteering is for the signed-in part of the app');
  return { ...useSyncExternalStore(steering.subscribe, steering.now), steering };
}
