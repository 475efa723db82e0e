/** Questions to a database, each asked once for all components that have it, and their answers kept true. */
import type { Database } from 'tidemark';
import { kept } from './identity.ts';
import type { State } from './opening.ts';

export interface Question<V> {
  /** Equal for questions that are equal. */
  readonly name: string;
  /** Tells the answer now and whenever it may differ, until stopped. */
  ask(database: Database, tell: (answer: V) => void, fail: (error: unknown) => void): () => void;
}

/** How long an answer that nobody looks at is kept true: for a component that mounts twice, waits before it mounts, or comes back. */
const LINGER_MILLIS = 5_000;
/** A failure lingers only until whoever waited has seen it: to mount again is to ask again. */
const FAILURE_LINGERS_MILLIS = 1_000;

export class Answer<V> {
  state: State<V> | undefined;
  /** Settles with the first answer or failure. Never throws. */
  readonly settled: Promise<void>;
  #settle = (): void => undefined;
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #end: () => void;

  constructor(question: Question<V>, database: Database, forget: () => void) {
    this.settled = new Promise(resolve => (this.#settle = resolve));
    let stop = (): void => undefined;
    this.#end = () => {
      stop();
      forget();
    };
    try {
      stop = question.ask(database, value => this.#take({ value }), error => this.#take({ error }));
    } catch (error) {
      this.#take({ error });
    }
  }

  watch(changed: () => void): () => void {
    clearTimeout(this.#timer);
    const own = (): void => changed();
    this.#listeners.add(own);
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size > 0) return;
      if (this.state && 'error' in this.state) this.#end();
      else this.#linger(LINGER_MILLIS);
    };
  }

  #take(state: State<V>): void {
    const before = this.state;
    const isFailure = 'error' in state;
    if (!before) {
      this.#settle();
      if (this.#listeners.size === 0) this.#linger(isFailure ? FAILURE_LINGERS_MILLIS : LINGER_MILLIS);
    }
    if (before && !isFailure && !('error' in before)) {
      const value = kept(before.value, state.value);
      if (Object.is(value, before.value)) return;
      this.state = { value };
    } else {
      this.state = state;
    }
    for (const listener of [...this.#listeners]) listener();
  }

  #linger(millis: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#end, millis);
  }
}

const answers = new WeakMap<Database, Map<string, Answer<any>>>();

/** The answer as it is being kept, if it is. */
export function presentAnswer<V>(database: Database, { name }: Question<V>): Answer<V> | undefined {
  return answers.get(database)?.get(name);
}

/** The answer, asked for now if nobody has yet. */
export function answerOf<V>(database: Database, question: Question<V>): Answer<V> {
  const { name } = question;
  const known = answers.get(database) ?? new Map<string, Answer<V>>();
  answers.set(database, known);
  let answer = known.get(name);
  if (!answer) {
    answer = new Answer(question, database, () => void known.delete(name));
    known.set(name, answer);
  }
  return answer;
}
