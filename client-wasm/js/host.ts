/** What the module has JavaScript do for one open database (`src/platform/host.rs` names the calls). */
import { lock } from './locks.ts';
import type { Answer, Server } from './transport.ts';

export class Host {
  /** The app's listeners. */
  readonly emit: (name: string, detail: unknown) => void;
  readonly lock = lock;
  /** The other tabs, if there is a way to tell them. */
  tabs: BroadcastChannel | undefined;
  /** Whom to sync with, if anybody. */
  server: Server | undefined;
  /** Whom the call under way is to: the app may have named another server meanwhile. */
  #asked: Server | undefined;

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
    return this.#asked.call(path, body);
  }

  abort(): void {
    this.#asked?.abort();
  }

  async renewToken(): Promise<boolean> {
    return (await this.server?.renewToken()) ?? false;
  }
}

/** Whether the browser believes that there is a network; true where it does not say. */
export function isOnline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine !== false;
}
