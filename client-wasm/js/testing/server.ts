/** The server that a test steers: it answers `fetch` to its address, with no network. */
import { TidemarkError } from '../error.ts';
import { Refused } from './refused.ts';
import { Sessions } from './sessions.ts';
import type { Failure, OtherDevice, Server, TruthRecord } from './testing.d.ts';
import { Truth } from './truth.ts';

const ADDRESS = 'https://tidemark.test';

interface Account {
  truth: Truth;
  sessions: Sessions;
}

export class FakeServer implements Server {
  readonly url = ADDRESS;
  isReachable = true;
  latency = 0;
  readonly calls: string[] = [];
  readonly #now: () => number;
  readonly #accounts = new Map<string, Account>();
  readonly #failures: Failure[] = [];
  #lostAnswers = 0;
  #issue = 1;
  #underWay = 0;
  #real: typeof fetch | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether it works on an answer: not while one only takes its time. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  install(): void {
    const real = globalThis.fetch;
    this.#real = real;
    globalThis.fetch = (input, init) => {
      const address = input instanceof Request ? input.url : String(input);
      return address.startsWith(`${ADDRESS}/`) ? this.#fetch(new Request(input, init)) : real(input, init);
    };
  }

  remove(): void {
    if (this.#real) globalThis.fetch = this.#real;
    this.#real = undefined;
  }

  token(user: string): string {
    return `${encodeURIComponent(user)}.${this.#issue}`;
  }

  expireTokens(): void {
    this.#issue += 1;
  }

  failNext(failure: Failure = {}, times = 1): void {
    for (let time = 0; time < times; time += 1) this.#failures.push(failure);
  }

  loseNextAnswer(times = 1): void {
    this.#lostAnswers += times;
  }

  records(user: string, entity?: string): TruthRecord[] {
    const { truth } = this.#account(user);
    const all = truth.live(truth.head).filter(record => entity === undefined || record.entity === entity);
    return all.map(({ key, entity, value, created, updated, checkin }) => ({ key, entity, value: structuredClone(value) as TruthRecord['value'], created, updated, checkin }));
  }

  device(user: string): OtherDevice {
    const { truth } = this.#account(user);
    const own = crypto.randomUUID();
    const now = (): string => new Date(this.#now()).toISOString();
    const current = (key: string): string => {
      const version = truth.at(key, truth.head);
      if (!version || version.deleted) throw new TidemarkError('not_found', `${user} has no record ${key} on the server`, 'Take a key of server.records(user), or what create gave.');
      return version.checkin;
    };
    return {
      create(entity, value) {
        const local = { key: crypto.randomUUID(), is_pending: true, entity, value: structuredClone(value), created: now(), updated: now() };
        truth.mingle(local, own, truth.commit());
        return truth.keyOf(local);
      },
      update(key, fields) {
        const base = current(key);
        truth.mingle({ key, base, value: structuredClone(fields), changed: Object.keys(fields), updated: now() }, own, truth.commit());
      },
      delete(key) {
        const base = current(key);
        truth.mingle({ key, base, deleted: true, updated: now() }, own, truth.commit());
      },
    };
  }

  #account(user: string): Account {
    let account = this.#accounts.get(user);
    if (!account) {
      const truth = new Truth(this.#now);
      account = { truth, sessions: new Sessions(truth, user) };
      this.#accounts.set(user, account);
    }
    return account;
  }

  async #fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    this.calls.push(pathname);
    await this.#delay(request.signal);
    this.#underWay += 1;
    try {
      if (!this.isReachable) throw unreachable();
      const failure = this.#failures.shift();
      const response = failure ? failed(failure) : await this.#answer(pathname, request);
      if (this.#lostAnswers > 0) {
        this.#lostAnswers -= 1;
        throw unreachable();
      }
      return response;
    } finally {
      this.#underWay -= 1;
    }
  }

  async #answer(path: string, request: Request): Promise<Response> {
    try {
      const body = request.method === 'POST' ? ((await request.json()) as Record<string, unknown>) : undefined;
      const { sessions } = this.#account(this.#user(request));
      // What one side holds, the other never sees change.
      return Response.json(structuredClone(sessions.call(path, body)));
    } catch (thrown) {
      if (thrown instanceof Refused) return problem(thrown.problem);
      throw thrown;
    }
  }

  #user({ headers }: Request): string {
    const [, user, issue] = /^Bearer (.+)\.(\d+)$/.exec(headers.get('authorization') ?? '') ?? [];
    if (user === undefined || Number(issue) !== this.#issue) throw new Refused('unauthenticated', 'the token is missing or has expired');
    return decodeURIComponent(user);
  }

  #delay(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      if (this.latency > 0) setTimeout(resolve, this.latency);
      else resolve();
    });
  }
}

function failed({ status = 503, code = 'busy', retryAfter }: Failure): Response {
  return problem({ type: 'about:blank', title: code, status, code, detail: 'the test asked for this' }, retryAfter);
}

function problem(problem: Record<string, unknown>, retryAfter?: number): Response {
  const headers = { 'content-type': 'application/problem+json', ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }) };
  return new Response(JSON.stringify(problem), { status: Number(problem['status']), headers });
}

/** As browsers say it. */
function unreachable(): TypeError {
  return new TypeError('Failed to fetch');
}
