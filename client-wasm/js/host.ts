/** What the module has JavaScript do for one open database (`src/platform/host.rs` names the calls). */
import { lock } from './locks.ts';
import { isHidden } from './page.ts';
import type { Answer, Server } from './transport.ts';

/** Writes that follow each other within so long go together, if they sync by themselves. */
const TOGETHER_MILLIS = 300;

export class Host {
  /** The app's listeners. */
  readonly emit: (name: string, detail: unknown) => void;
  readonly lock = lock;
  /** The other tabs, if there is a way to tell them. */
  tabs: BroadcastChannel | undefined;
  /** Whom to sync with, if anybody. */
  server: Server | undefined;
  /** Whether it syncs by itself. */
  isAuto = false;
  /** Whom the call under way is to: the app may have named another server meanwhile. */
  #asked: Server | undefined;
  /** When what was written may go. */
  #due = 0;
  #go: (() => void) | undefined;

  constructor(emit: (name: string, detail: unknown) => void) {
    this.emit = emit;
  }

  tell(name: string, detail: unknown): void {
    this.tabs?.postMessage([name, detail]);
  }

  get isConnected(): boolean {
    return this.server !== undefined;
  }

  get isOnline(): boolean {
    return isOnline();
  }

  exchange(path: string, body: Uint8Array<ArrayBuffer>): Promise<Answer> {
    this.#asked = this.server as Server;
    return this.#asked.call(path, body, path.endsWith('/open') ? this.#wait : undefined);
  }

  abort(): void {
    this.#asked?.abort();
    this.hurry();
  }

  async renewToken(): Promise<boolean> {
    return (await this.server?.renewToken()) ?? false;
  }

  /** Something is being written: what others write soon goes with it. */
  wrote(): void {
    const now = Date.now();
    if (this.isAuto && this.#due < now) this.#due = now + TOGETHER_MILLIS;
  }

  /** What was written goes at once. */
  hurry(): void {
    this.#due = 0;
    this.#go?.();
  }

  /**
   * Holds an open back that is ready to go, its attempt kept. So all that is left to do is to
   * send it, should the page be hidden meanwhile: a page that is closed comes to nothing more.
   */
  readonly #wait = (): Promise<void> | undefined => {
    const millis = this.#due - Date.now();
    if (millis <= 0 || isHidden()) return undefined;
    return new Promise(resolve => {
      this.#go = resolve;
      setTimeout(resolve, millis);
    });
  };
}

/** Whether the browser believes that there is a network; true where it does not say. */
export function isOnline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine !== false;
}
