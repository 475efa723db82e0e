/** A clock that stands still until a test moves it: `Date` and the timers of the whole process. */
import { invalid } from '../error.ts';
import type { Clock } from './testing.d.ts';

/** So many turns of the event loop without any work, and there is none left. */
const QUIET_TURNS = 10;

interface Timer {
  id: number;
  at: number;
  every: number | undefined;
  ring(): void;
}

const NAMES = ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;

// Of Node, and of browsers' test environments; before anybody else replaces it.
const turn = (globalThis as unknown as { setImmediate(next: () => void): void }).setImmediate;

export class FakeClock implements Clock {
  readonly #isBusy: () => boolean;
  readonly #real = new Map<string, PropertyDescriptor | undefined>();
  readonly #timers = new Map<number, Timer>();
  #now: number | undefined;
  #last = 0;

  /** `isBusy` tells of work that goes on by itself, whatever the time. */
  constructor(isBusy: () => boolean) {
    this.#isBusy = isBusy;
  }

  get now(): number {
    return this.#now ?? Date.now();
  }

  /** From now on this is the process's clock. */
  install(now: number): void {
    this.#now = now;
    const clock = this;
    const RealDate = Date;
    class FakeDate extends RealDate {
      constructor(...given: unknown[]) {
        super(...((given.length === 0 ? [clock.now] : given) as [number]));
      }
      static override now(): number {
        return clock.now;
      }
    }
    const fake: Record<(typeof NAMES)[number], unknown> = {
      Date: FakeDate,
      setTimeout: (ring: (...given: unknown[]) => void, millis = 0, ...given: unknown[]) => this.#add(() => ring(...given), millis, undefined),
      setInterval: (ring: (...given: unknown[]) => void, millis = 0, ...given: unknown[]) => this.#add(() => ring(...given), millis, Math.max(1, millis)),
      clearTimeout: (id: unknown) => void this.#timers.delete(Number(id)),
      clearInterval: (id: unknown) => void this.#timers.delete(Number(id)),
    };
    for (const name of NAMES) {
      this.#real.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
      Object.defineProperty(globalThis, name, { value: fake[name], writable: true, configurable: true });
    }
  }

  remove(): void {
    for (const [name, descriptor] of this.#real) if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    this.#real.clear();
    this.#timers.clear();
    this.#now = undefined;
  }

  async advance(millis: number): Promise<void> {
    const until = this.#installed() + millis;
    await this.settle();
    for (let timer = this.#next(until); timer; timer = this.#next(until)) {
      this.#now = Math.max(this.now, timer.at);
      if (timer.every === undefined) this.#timers.delete(timer.id);
      else timer.at += timer.every;
      timer.ring();
      await this.settle();
    }
    this.#now = until;
  }

  set(time: string | number | Date): void {
    this.#installed();
    const now = millisOf(time);
    // A person set the clock: what waits for so and so long goes on waiting as long.
    for (const timer of this.#timers.values()) timer.at += now - this.now;
    this.#now = now;
  }

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise<void>(next => turn(next));
      if (this.#isBusy()) quiet = -1;
    }
  }

  #installed(): number {
    if (this.#now === undefined) throw invalid('the clock is the real one', "Start with one that stands: startTesting({ now: '2026-01-01T12:00:00Z' }).");
    return this.#now;
  }

  #add(ring: () => void, millis: number, every: number | undefined): TimerHandle {
    this.#last += 1;
    this.#timers.set(this.#last, { id: this.#last, at: this.now + Math.max(0, Number(millis) || 0), every, ring });
    return new TimerHandle(this.#last);
  }

  #next(until: number): Timer | undefined {
    const due = [...this.#timers.values()].filter(({ at }) => at <= until);
    return due.sort((one, other) => one.at - other.at || one.id - other.id)[0];
  }
}

/** A moment in milliseconds since 1970. */
export function millisOf(time: string | number | Date): number {
  const millis = new Date(time).getTime();
  if (!Number.isFinite(millis)) throw invalid(`${String(time)} is no time`, "For example: '2026-01-01T12:00:00Z'.");
  return millis;
}

/** What Node's `setTimeout` gives: code that never sees another one calls its methods. */
class TimerHandle {
  readonly #id: number;

  constructor(id: number) {
    this.#id = id;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  valueOf(): number {
    return this.#id;
  }
}
