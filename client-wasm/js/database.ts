/** An open local database: what the app holds, over the module's core. */
import { Alerts } from './alerts.ts';
import { type Core, destroyCore, Operations, Reading, Writing } from '../wasm/tidemark.js';
import { runBatch, type WorkBatch } from './batch.ts';
import { type Records, RecordsOf, type Write } from './collection.ts';
import { answer, invalid, TidemarkError, toError } from './error.ts';
import { Host } from './host.ts';
import { letGo } from './locks.ts';
import { connectOptions, decision, entityName, queryText, syncOptions } from './options.ts';
import { isHidden, PAGE_EVENTS } from './page.ts';
import { type CoreStatus, isActive, shownStatus } from './status.ts';
import { askStorage, keepStorage } from './storage.ts';
import { joinTabs } from './tabs.ts';
import { fromSlices, toSlices } from './text.ts';
import type {
  Batch, Choice, Collection, Conflict, ConnectOptions, Database, Doc, Events, Info, Json, Live, Query, SyncOptions, SyncReport, SyncStatus,
} from './tidemark.d.ts';
import { Server } from './transport.ts';
import { Turns } from './turns.ts';
import { watch } from './watch.ts';

const EVENTS = ['status', 'change', 'remap', 'rejected', 'conflict', 'airbag', 'damaged'] as const;

/** How many records `each` fetches at a time. */
const STEP = 500;

type Listener = (detail: never) => void;

export class LocalDatabase implements Database, Records {
  readonly name: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #turns = new Turns();
  #core: Core | undefined;
  #alerts: Alerts | undefined;
  #elsewhere: CoreStatus | undefined;
  #closing: Promise<void> | undefined;
  readonly #pageChanged = ({ type, persisted }: Event & { persisted?: boolean }): void => {
    if (type === 'freeze' || type === 'pagehide') {
      this.#alerts?.stop();
      letGo();
    } else if (type === 'visibilitychange') {
      this.host.hurry();
      this.#core?.wake(isHidden());
    } else if (type.endsWith('line')) {
      this.#core?.networkChanged();
      this.#tellStatus();
    }
    // A stream that was there before the network went is not to be trusted.
    if (type === 'online' || type === 'resume' || persisted && type === 'pageshow') this.#alerts?.start();
  };

  /** Whether the browser is to be asked to keep what is written here. */
  readonly #isKept: boolean;

  constructor(name: string, isKept: boolean) {
    this.name = name;
    this.#isKept = isKept;
  }

  /** Takes the core that was opened with `host`. */
  begin(core: Core): void {
    this.#core = core;
    this.host.tabs = joinTabs(this.name, this.#heardElsewhere);
    this.#alerts = new Alerts(this.name, this.host, core);
    for (const name of PAGE_EVENTS) globalThis.addEventListener?.(name, this.#pageChanged, true);
  }

  /** What the module tells of this tab. */
  readonly #heard = (name: string, detail: unknown): void => {
    if (name === 'status') {
      // What happens here is newer than what another tab told.
      if (isActive(detail as CoreStatus)) this.#elsewhere = undefined;
      this.#encourage(detail as CoreStatus);
      this.#tellStatus();
    } else {
      this.#emit(name as keyof Events, detail as never);
    }
  };

  /** What the module of another tab told. */
  readonly #heardElsewhere = (name: string, detail: unknown): void => {
    if (name === 'commit') {
      this.#core?.heardOfCommit();
    } else if (name === 'alert') {
      this.#core?.alerted(detail as string);
    } else if (name === 'status') {
      this.#elsewhere = detail as CoreStatus;
      this.#encourage(this.#elsewhere);
      this.#core?.hold((this.#elsewhere.error as TidemarkError | undefined)?.code === 'airbag');
      this.#tellStatus();
    } else {
      this.#emit(name as keyof Events, detail as never);
    }
  };

  /** What the module has this page do. */
  readonly host = new Host(this.#heard);

  collection<T = Json>(entity: string): Collection<T> {
    return new WatchedRecords<T>(this, entityName(entity));
  }

  async batch<R>(work: (batch: Batch) => R | Promise<R>): Promise<Awaited<R>> {
    if (typeof work !== 'function') throw invalid('batch takes a function', 'For example: db.batch(async tx => { … }).');
    return this.#run(work);
  }

  async sync(options: SyncOptions = {}): Promise<SyncReport> {
    const { mode, direction, mirror, confirm } = syncOptions(options);
    const { signal } = options;
    if (signal?.aborted) throw cancelled(signal);
    const core = this.#open();
    this.host.hurry();
    const handle = core.newSync();
    const cancel = (): void => handle.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      return (await answer(core.sync(mode, direction, mirror, confirm, handle))) as SyncReport;
    } catch (error) {
      throw signal?.aborted ? cancelled(signal) : error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      handle.free();
    }
  }

  async connect(options: ConnectOptions): Promise<void> {
    const { address, token, isAuto, datastore } = connectOptions(options);
    const core = this.#open();
    this.host.server = new Server(address, token);
    this.host.isAuto = isAuto;
    core.connect(isAuto, datastore);
    this.#alerts?.start();
  }

  disconnect(): void {
    this.#open().disconnect();
    this.#alerts?.stop();
    this.host.server = undefined;
  }

  get status(): SyncStatus {
    return shownStatus(this.#open().status() as CoreStatus, this.#elsewhere);
  }

  on<Name extends keyof Events>(event: Name, listener: (detail: Events[Name]) => void): () => void {
    if (!EVENTS.includes(event)) throw invalid(`there is no event “${event}”`, `There are: ${EVENTS.join(', ')}.`);
    if (typeof listener !== 'function') throw invalid('on takes a function', 'For example: db.on("change", draw).');
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Each call counts, even with a function that listens already.
    const own = (detail: Events[Name]): void => listener(detail);
    listeners.add(own as Listener);
    return () => void listeners.delete(own as Listener);
  }

  async pending(): Promise<Doc[]> {
    return fromSlices<Doc>(await answer(this.#open().read(Reading.Pending, '', '')));
  }

  async conflicts(): Promise<Conflict[]> {
    const texts: string[] = await answer(this.#open().read(Reading.Conflicts, '', ''));
    const conflicts = texts.map(text => JSON.parse(text) as Conflict);
    // Checkins are texts of one length, so they sort as times do.
    return conflicts.sort((one, other) => (one.checkin < other.checkin ? -1 : Number(one.checkin > other.checkin)));
  }

  async resolve(id: string, choice: Choice): Promise<void> {
    const { isDevice, value } = decision(id, choice);
    this.host.wrote();
    await answer(this.#open().resolve(id, isDevice, value));
  }

  async info(): Promise<Info> {
    const [info, storage] = await Promise.all([answer(this.#open().info()), askStorage()]);
    return { ...(info as Omit<Info, 'storage'>), storage };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async destroy(options: { evenIfPending?: boolean | undefined } = {}): Promise<void> {
    if (!options.evenIfPending) {
      const { pending, decisions } = await this.info();
      if (pending + decisions > 0) throw stillPending(pending, decisions);
    }
    await this.close();
    await answer(destroyCore(this.name));
  }

  async write(add: Write): Promise<string[]> {
    const core = this.#open();
    const operations = new Operations();
    add(operations);
    this.host.wrote();
    const [slices] = await this.#turns.short(() => core.write(operations));
    this.#saved();
    return slices ?? [];
  }

  async createMany(entity: string, values: readonly unknown[]): Promise<string[]> {
    const slices = toSlices(values);
    const first = await slices.next();
    if (first.done) return [];
    const second = await slices.next();
    if (second.done) return this.write(operations => operations.add(Writing.Create, entity, '', first.value, ''));
    const all = [first.value, second.value];
    for await (const slice of slices) all.push(slice);
    const core = this.#open();
    const docs = await this.#turns.long(() => createSlices(core, this.name, entity, all));
    this.#saved();
    return docs;
  }

  async read(what: Reading, entity: string, text: string): Promise<any> {
    return this.#open().read(what, entity, text);
  }

  async #run<R>(work: (batch: WorkBatch) => R | Promise<R>): Promise<Awaited<R>> {
    const core = this.#open();
    const result = await runBatch(core, this.name, work);
    this.host.wrote();
    core.changed();
    this.#saved();
    return result;
  }

  #saved(): void {
    if (this.#isKept) keepStorage();
  }

  async #close(): Promise<void> {
    const core = this.#open();
    this.#core = undefined;
    for (const name of PAGE_EVENTS) globalThis.removeEventListener?.(name, this.#pageChanged, true);
    this.#alerts?.stop();
    this.#alerts = undefined;
    await this.#turns.idle();
    core.close();
    core.free();
    this.host.tabs?.close();
    this.host.tabs = undefined;
    this.#listeners.clear();
  }

  #open(): Core {
    if (!this.#core) throw new TidemarkError('closed', 'the database is closed', 'Open it again: open({ name }).');
    return this.#core;
  }

  /** A sync went well, here or in another tab: a stream of alerts would, too. */
  #encourage({ phase, in_sync }: CoreStatus): void {
    if (in_sync && phase === 'idle') this.#alerts?.encourage();
  }

  /** Nobody is told before the database is open, nor after. */
  #tellStatus(): void {
    if (this.#core) this.#emit('status', this.status);
  }

  #emit<Name extends keyof Events>(event: Name, detail: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (detail: Events[Name]) => void)(detail);
      } catch (error) {
        // The app's own mistake: told where such mistakes are told, and not to the others' cost.
        reportError(error);
      }
    }
  }
}

/** Makes records in one commit, slice by slice, with the page let breathe in between. */
async function createSlices(core: Core, database: string, entity: string, slices: readonly string[]): Promise<string[]> {
  const answers = await runBatch(core, database, async batch => {
    const all: string[] = [];
    for (const slice of slices) all.push(...(await batch.write(operations => operations.add(Writing.Create, entity, '', slice, ''))));
    return all;
  });
  core.changed();
  return answers;
}

class WatchedRecords<T> extends RecordsOf<T> implements Collection<T> {
  readonly #database: LocalDatabase;

  constructor(database: LocalDatabase, entity: string) {
    super(database, entity);
    this.#database = database;
  }

  watch(query: Query<T>, listener: (rows: Doc<T>[]) => void, failed: (error: TidemarkError) => void = reportError): () => void {
    const text = queryText(query);
    const source = {
      find: () => this.#database.read(Reading.Find, this.entity, text),
      onChange: (changed: () => void) => this.#database.on('change', changed),
    };
    return watch<T>(source, listener, thrown => failed(toError(thrown)));
  }

  live(query?: Query<T>): Live<Doc<T>[]> {
    return { subscribe: listener => this.watch(query ?? {}, listener) };
  }

  async *each(query: Query<T> = {}): AsyncGenerator<Doc<T>, void, undefined> {
    let { after, limit = Number.POSITIVE_INFINITY } = query;
    while (limit > 0) {
      const step = Math.min(STEP, limit);
      const docs = await this.find({ ...query, after, limit: step });
      yield* docs;
      if (docs.length < step) return;
      limit -= docs.length;
      after = docs.at(-1)?.key;
    }
  }
}

function cancelled(signal: AbortSignal): TidemarkError {
  const help = 'The changes are kept: sync again when you like.';
  return new TidemarkError('cancelled', 'the sync was cancelled', help, { cause: signal.reason });
}

function stillPending(pending: number, decisions: number): TidemarkError {
  const [count, one, many] = pending > 0 ? [pending, 'record', 'records'] : [decisions, 'decision', 'decisions'];
  const message = `${count} ${count === 1 ? `${one} is` : `${many} are`} not in the truth yet`;
  return new TidemarkError('pending', message, 'Sync first, or call destroy({ evenIfPending: true }) to lose them.');
}
