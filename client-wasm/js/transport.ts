/** The way to the server: one HTTP call at a time, with its token, its time limit and its bytes counted. */
import { isHidden } from './page.ts';
import type { Token } from './tidemark.d.ts';

/** How long an answer may take: a large push is mingled in one transaction. */
const TIMEOUT_MILLIS = 120_000;

/** A request smaller than this, in bytes, fits one packet anyway. */
const COMPRESS_FROM_BYTES = 1_024;

/** What a page may still send when it is hidden, and perhaps gone: of the 64 kB that browsers allow all pages of an origin. */
const KEEPALIVE_BYTES_MAX = 60_000;

/** An answer's status, its `Retry-After` in seconds, the bytes sent and received, and its body. */
export type Answer = [status: number, retryAfter: number | undefined, sent: number, received: number, body: Uint8Array];

/** A server, as somebody. */
export class Server {
  readonly #address: string;
  /** Where the app gave a string or nothing, it stays so: a fixed one may be good again once the server's clock is. */
  readonly #source: Token | undefined;
  #token: string | undefined;
  /** The token that the server refused last. */
  #refused: string | undefined;
  #renewing: Promise<boolean> | undefined;
  #underWay: AbortController | undefined;

  constructor(address: string, token: Token | undefined) {
    this.#address = address;
    this.#source = token;
    if (typeof token === 'string') this.#token = token;
  }

  /**
   * Exchanges a body; empty, it asks by `GET`. `wait` may hold it back when it is ready to go.
   * Throws why no answer came as text; nothing when the time was over.
   */
  async call(path: string, body: Uint8Array<ArrayBuffer>, wait?: () => Promise<void> | undefined): Promise<Answer> {
    const controller = new AbortController();
    this.#underWay = controller;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject();
        controller.abort();
      }, TIMEOUT_MILLIS);
    });
    try {
      return await Promise.race([this.#exchange(path, body, controller.signal, wait), late]);
    } finally {
      clearTimeout(timer);
      this.#underWay = undefined;
    }
  }

  abort(): void {
    this.#underWay?.abort();
  }

  /** Opens a stream of events after the last one that was heard. */
  async listen(path: string, last: string | undefined, signal: AbortSignal): Promise<Response> {
    const token = await this.#askToken();
    return this.#fetch(path, token, last === undefined ? {} : { 'last-event-id': last }, { signal });
  }

  /** The server refused the token: asks the app for another one, once for all who were refused. False where there is none, or still the same. */
  renewToken(): Promise<boolean> {
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    if (typeof this.#source !== 'function') return false;
    if (this.#token !== this.#refused) return true;
    this.#token = undefined;
    const token = await this.#askToken().catch(() => undefined);
    return token !== undefined && token !== this.#refused;
  }

  async #exchange(path: string, body: Uint8Array<ArrayBuffer>, signal: AbortSignal, wait?: () => Promise<void> | undefined): Promise<Answer> {
    const token = await this.#askToken().catch(thrown => {
      throw `the app gave no token: ${describe(thrown)}`;
    });
    const packed = body.length < COMPRESS_FROM_BYTES ? undefined : await gzip(body);
    const sent = packed ?? body;
    const headers: Record<string, string> = {};
    if (body.length > 0) headers['content-type'] = 'application/json';
    if (packed) headers['content-encoding'] = 'gzip';
    await wait?.();
    const since = globalThis.performance?.now();
    try {
      const init = body.length > 0 ? { method: 'POST', body: sent } : {};
      const keepalive = isHidden() && sent.length <= KEEPALIVE_BYTES_MAX;
      const response = await this.#fetch(path, token, headers, { ...init, signal, keepalive });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return [response.status, retryAfter(response), sent.length, received(response, since) || bytes.length, bytes];
    } catch (thrown) {
      throw describe(thrown);
    }
  }

  async #fetch(path: string, token: string | undefined, headers: Record<string, string>, init: RequestInit): Promise<Response> {
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    const response = await fetch(this.#address + path, { ...init, headers });
    if (response.status === 401) this.#refused = token;
    return response;
  }

  /** The token to send, if there is one: the app's function is asked once, and again when one was refused. */
  async #askToken(): Promise<string | undefined> {
    if (this.#token === undefined && typeof this.#source === 'function') {
      const token: unknown = await this.#source();
      this.#token = typeof token === 'string' && token !== '' ? token : undefined;
    }
    return this.#token;
  }
}

/** Packed, where the browser can; older ones cannot. */
async function gzip(plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const packed = new Blob([plain]).stream().pipeThrough(new CompressionStream('gzip'));
    return new Uint8Array(await new Response(packed).arrayBuffer());
  } catch {
    return undefined;
  }
}

/** `Retry-After` in seconds; its other form, a date, is taken as unsaid. */
export function retryAfter({ headers }: Response): number | undefined {
  const seconds = headers.get('retry-after')?.trim() ?? '';
  return /^\d+$/.test(seconds) ? Number(seconds) : undefined;
}

/** The bytes that a body had on the wire: what the browser measured, else what the server announced; 0: neither. */
function received({ headers, url }: Response, since: number): number {
  const measured = globalThis.performance?.getEntriesByName(url, 'resource').at(-1) as PerformanceResourceTiming | undefined;
  // Of another origin that does not allow it, 0 is told.
  return (measured && measured.startTime >= since && measured.encodedBodySize) || Number(headers.get('content-length')) || 0;
}

/** What a thrown thing says of itself. */
function describe(thrown: unknown): string {
  const message = (thrown as { message?: unknown } | undefined | null)?.message ?? thrown;
  return typeof message === 'string' ? message : 'unknown';
}
