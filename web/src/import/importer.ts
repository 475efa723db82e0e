/**
 * Works off the kept files: each chunk of rows and the position after it are one batch, so that
 * wherever the tab dies, the next one to open goes on from there, with no row lost or made twice.
 * One tab at a time, by a Web Lock; another takes over when it goes.
 */
import type { Database, Doc } from 'tidemark';
import type { Import } from '../model';
import { dropFile, keepFile, keptFiles, type KeptFile } from './files';
import { valueOf, type Plan } from './plan';
import { rowsOf, type Row } from './rows';

const CHUNK_ROWS = 500;

/** Another tab has written a chunk: this one starts again at the new position. */
class Overtaken extends Error {}

export class Importer {
  readonly #database: Database;
  readonly #user: string;
  readonly #stop = new AbortController();
  #waiting = false;

  constructor(database: Database, user: string) {
    this.#database = database;
    this.#user = user;
  }

  /** Keeps the file on the device, then imports it. Settles when the file is kept. */
  async add(file: File, plan: Plan): Promise<void> {
    const content = new Blob([await file.arrayBuffer()], { type: file.type });
    await keepFile({ id: crypto.randomUUID(), user: this.#user, name: file.name, plan, content });
    this.wake();
  }

  /** Gives an import up; what it made so far stays. */
  async abandon(record: Doc<Import>): Promise<void> {
    await dropFile(record.value.id);
    await this.#imports().update(record.key, { state: 'failed', problem: 'Stopped by you.' });
  }

  /** Goes on with whatever is unfinished, as soon as no other tab is at it. */
  wake(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const { signal } = this.#stop;
    navigator.locks
      .request(`tidemark-demo-import:${this.#user}`, { signal }, async () => {
        this.#waiting = false;
        for (const file of await keptFiles(this.#user)) {
          if (!signal.aborted) await this.#work(file);
        }
      })
      .catch((error: unknown) => {
        this.#waiting = false;
        if (!signal.aborted) console.warn('The import stopped; it goes on at the next start.', error);
      });
  }

  /** Stops after the chunk in hand: somebody else signs in, or the page goes. */
  stop(): void {
    this.#stop.abort();
  }

  #imports() {
    return this.#database.collection<Import>('import');
  }

  async #work(file: KeptFile): Promise<void> {
    try {
      while (!(await this.#goOn(file)));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (isPassing(error)) throw error;
      const record = await this.#recordOf(file);
      const problem = error instanceof Error ? error.message : String(error);
      await this.#imports().update(record.key, { state: 'failed', problem });
    }
    if (!this.#stop.signal.aborted) await dropFile(file.id);
  }

  /** Goes on from the kept position to the file's end; false if another tab was faster. */
  async #goOn(file: KeptFile): Promise<boolean> {
    const record = await this.#recordOf(file);
    let { position } = record.value;
    if (record.value.state !== 'running') return true;
    let seen = 0;
    try {
      for await (const { rows, part } of rowsOf(file.content, file.plan, CHUNK_ROWS)) {
        if (this.#stop.signal.aborted) return true;
        const from = seen;
        seen += rows.length;
        if (seen <= position) continue;
        const fresh = rows.slice(Math.max(0, position - from));
        await this.#write(record.key, file.plan, fresh, { position, part });
        position = seen;
      }
    } catch (error) {
      if (error instanceof Overtaken) return false;
      throw error;
    }
    await this.#imports().update(record.key, { state: 'done', part: 1 });
    return true;
  }

  /** One chunk: its records and the new position, or nothing. */
  async #write(key: string, plan: Plan, rows: Row[], at: { position: number; part: number }): Promise<void> {
    const values = rows.flatMap((row) => ('value' in row ? [valueOf(row.value, plan)] : []));
    const first = rows.find((row) => 'problem' in row);
    await this.#database.batch(async (batch) => {
      const imports = batch.collection<Import>('import');
      const now = (await imports.get(key))?.value;
      if (now?.position !== at.position || now.state !== 'running') throw new Overtaken();
      await batch.collection(plan.entity).createMany(values);
      await imports.update(key, {
        position: at.position + rows.length,
        part: at.part,
        skipped: now.skipped + rows.length - values.length,
        ...(first && !now.first_problem && { first_problem: first.problem }),
      });
    });
  }

  /** The record that counts for a file, made at the first look. */
  async #recordOf(file: KeptFile): Promise<Doc<Import>> {
    const [found] = await this.#imports().find({ where: { id: file.id } });
    if (found) return found;
    return this.#imports().create({
      id: file.id,
      file_name: file.name,
      entity: file.plan.entity,
      position: 0,
      skipped: 0,
      part: 0,
      state: 'running',
    });
  }
}

/** A failure that has nothing to do with the file: the next start tries again. */
function isPassing(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && ['quota', 'closed', 'blocked', 'private_mode'].includes(code);
}
