/**
 * Pages of a long result, for a table that shows a window of it: how many rows there are, and
 * the pages that are in view. A page begins after the last key of the one before, so reaching a
 * far one walks there; what has scrolled away is let go.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { Database, Doc, Query } from 'tidemark';
import { useSession } from './live';

export const PAGE_ROWS = 500;
/** Pages kept on both sides of the one in view. */
const KEPT_AROUND = 2;
/** While records stream in, the table is asked anew this often at most. */
const REFRESH_MS = 400;

export interface Pages {
  total: number | undefined;
  row(at: number): Doc | undefined;
  /** Tells which rows are in view. */
  look(first: number, last: number): void;
}

export function usePages(entity: string, query: Query): Pages {
  const { database } = useSession();
  const name = `${entity} ${JSON.stringify(query)}`;
  const [, redraw] = useState(0);
  const walk = useRef<Walk>(undefined);
  useEffect(() => {
    const mine = new Walk(database, entity, query, () => redraw((count) => count + 1));
    walk.current = mine;
    const stop = database.on('change', () => mine.refreshSoon());
    mine.refresh();
    return () => {
      stop();
      mine.end();
    };
    // `name` stands for entity and query
  }, [database, name]);
  const mine = walk.current?.name === name ? walk.current : undefined;
  return {
    total: mine?.total,
    row: (at) => mine?.pages.get(Math.floor(at / PAGE_ROWS))?.[at % PAGE_ROWS],
    look: useCallback((first, last) => walk.current?.look(first, last), []),
  };
}

class Walk {
  readonly name: string;
  total: number | undefined;
  pages = new Map<number, Doc[]>();
  /** The key after which each page begins, as far as known. */
  #starts: (string | undefined)[] = [undefined];
  #wanted = { first: 0, last: 0 };
  #walking = false;
  #dirty = false;
  #over = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly database: Database,
    private readonly entity: string,
    private readonly query: Query,
    private readonly redraw: () => void,
  ) {
    this.name = `${entity} ${JSON.stringify(query)}`;
  }

  look(first: number, last: number): void {
    this.#wanted = { first: Math.floor(first / PAGE_ROWS), last: Math.floor(last / PAGE_ROWS) };
    void this.#go();
  }

  refresh(): void {
    this.#dirty = true;
    void this.#go();
  }

  refreshSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.refresh();
    }, REFRESH_MS);
  }

  end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  async #go(): Promise<void> {
    if (this.#walking) return;
    this.#walking = true;
    try {
      while (!this.#over && (this.#dirty || this.#missing() !== undefined)) {
        if (this.#dirty) await this.#anew();
        else await this.#load(this.#missing() ?? 0);
        if (!this.#over) this.redraw();
      }
    } finally {
      this.#walking = false;
    }
  }

  /** The next page to load on the way to what is in view. */
  #missing(): number | undefined {
    const last = Math.min(this.#wanted.last, Math.ceil((this.total ?? 0) / PAGE_ROWS) - 1);
    for (let page = this.#wanted.first; page <= last; page += 1) {
      if (!this.pages.has(page)) return Math.min(page, this.#starts.length - 1);
    }
    return undefined;
  }

  async #anew(): Promise<void> {
    this.#dirty = false;
    this.total = await this.database.collection(this.entity).count(this.#where());
    this.#starts = [undefined];
    const shown = this.pages;
    this.pages = new Map();
    // what is in view stays until its successor is there, so that nothing flickers
    const { last } = this.#wanted;
    const fresh: [number, Doc[]][] = [];
    for (let page = 0; page <= last && page < this.#starts.length; page += 1) fresh.push([page, await this.#find(page)]);
    this.pages = new Map([...shown, ...fresh].filter(([page]) => page <= last && this.#isNear(page)));
  }

  async #load(page: number): Promise<void> {
    this.pages.set(page, await this.#find(page));
    for (const kept of this.pages.keys()) if (!this.#isNear(kept) && kept !== page) this.pages.delete(kept);
  }

  async #find(page: number): Promise<Doc[]> {
    const after = this.#starts[page];
    const rows = await this.database
      .collection(this.entity)
      .find({ ...this.query, limit: PAGE_ROWS, ...(after !== undefined && { after }) });
    const last = rows.at(-1);
    if (last && rows.length === PAGE_ROWS) this.#starts[page + 1] = last.key;
    else if (this.total !== undefined) this.total = Math.min(this.total, page * PAGE_ROWS + rows.length);
    return rows;
  }

  #isNear(page: number): boolean {
    return page >= this.#wanted.first - KEPT_AROUND && page <= this.#wanted.last + KEPT_AROUND;
  }

  #where(): Query {
    return this.query.where ? { where: this.query.where } : {};
  }
}
