/**
 * Hears from the server what other devices commit, and when it is time to look: one stream for all
 * tabs that have the database open. The tab holds it that has a Web Lock for it; when it dies, or
 * lets go because it is frozen, the next tab has it at once. (`EventSource` would send no token.)
 */
import type { Core } from '../wasm/tidemark.js';
import type { Host } from './host.ts';
import { lock } from './locks.ts';
import { retryAfter } from './transport.ts';

/** A comment comes every 15 s: who hears nothing for so long has no connection any more. */
const SILENCE_MILLIS = 40_000;
/** Where alerts fail without a word, a sync now and then brings what they would have told. */
const INTERVAL_MILLIS = 300_000;
/** Between two streams, at least: twice as long each time, up to the longest. */
const FIRST_PAUSE_MILLIS = 500;
const LONGEST_PAUSE_MILLIS = 150_000;
/** What lasted so long was no failure. */
const GOOD_MILLIS = 30_000;

export class Alerts {
  readonly #host: Host;
  readonly #core: Core;
  readonly #lock: string;
  #running: AbortController | undefined;
  /** Ends the pause, unless the server has asked for it. */
  #hurry: (() => void) | undefined;

  constructor(database: string, host: Host, core: Core) {
    this.#lock = `tidemark:${database}:alerts`;
    this.#host = host;
    this.#core = core;
  }

  /** Listens from now on, or anew, where there is somebody to listen to. */
  start(): void {
    this.stop();
    if (!this.#host.server || !this.#host.isAuto) return;
    this.#running = new AbortController();
    void this.#lead(this.#running.signal);
  }

  /** Listens no more, and leaves it to another tab. */
  stop(): void {
    this.#running?.abort();
    this.#running = undefined;
  }

  /** A sync went well: so would a stream. */
  encourage(): void {
    if (this.#running) this.#hurry?.();
    else this.start();
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const release = await lock(this.#lock, false, signal);
    if (signal.aborted) return void release?.();
    const interval = setInterval(() => this.#core.wake(false), INTERVAL_MILLIS);
    // On the spot: a page that freezes comes to nothing else any more.
    signal.addEventListener('abort', () => {
      clearInterval(interval);
      release?.();
    });
    for (let failures = 0; !signal.aborted; failures += 1) {
      const began = Date.now();
      const asked = await this.#listen(signal).catch(() => undefined);
      if (Date.now() - began > GOOD_MILLIS) failures = 0;
      await this.#pause(asked, failures, signal);
    }
  }

  /** Reads one stream to its end; where there was none, how many seconds the server wants to be left in peace. */
  async #listen(signal: AbortSignal): Promise<number | undefined> {
    const { device_uuid, datastore, last_sync } = (await this.#core.info()) as Record<string, string | undefined>;
    // Not known before the first sync, which encourages.
    if (!datastore || !device_uuid || signal.aborted) return undefined;
    const path = `/v1/alerts?${new URLSearchParams({ datastore, device_uuid })}`;
    const stream = new AbortController();
    const cut = (): void => stream.abort();
    signal.addEventListener('abort', cut);
    let silence: ReturnType<typeof setTimeout> | undefined;
    const alive = (): void => {
      clearTimeout(silence);
      silence = setTimeout(cut, SILENCE_MILLIS);
    };
    try {
      alive();
      const server = this.#host.server!;
      let response = await server.listen(path, last_sync, stream.signal);
      if (response.status === 401 && (await server.renewToken())) response = await server.listen(path, last_sync, stream.signal);
      // Signed out: until a sync goes well again.
      if (response.status === 401 && !signal.aborted) this.stop();
      if (!response.ok || !response.body) return retryAfter(response) ?? 0;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ''; ; ) {
        alive();
        const { done, value } = await reader.read();
        if (done || signal.aborted) return undefined;
        const lines = (rest + value).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.startsWith('data:')) this.#heard(JSON.parse(line.slice(5)));
      }
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', cut);
      cut();
    }
  }

  /** All tabs are told: this one may be hidden, and its timers slow. */
  #heard({ max_checkin }: { max_checkin: string }): void {
    this.#core.alerted(max_checkin);
    this.#host.tell('alert', max_checkin);
  }

  /** Longer each time and never the same for two devices; never shorter than was asked for. */
  #pause(asked: number | undefined, failures: number, signal: AbortSignal): Promise<void> {
    const least = Math.max((asked ?? 0) * 1_000, Math.min(FIRST_PAUSE_MILLIS * 2 ** failures, LONGEST_PAUSE_MILLIS));
    return new Promise(resolve => {
      setTimeout(resolve, least * (1 + Math.random()));
      signal.addEventListener('abort', () => resolve());
      this.#hurry = asked === undefined ? resolve : undefined;
    });
  }
}
