/** The records of one entity, over whatever reads and writes them: the database or a batch. */
import { type Operations, Reading, Writing } from '../wasm/tidemark.js';
import { invalid, toError } from './error.ts';
import { keyText, queryText } from './options.ts';
import { fromSlices, toText } from './text.ts';
import type { BatchCollection, Doc, Query } from './tidemark.d.ts';

/** Adds one write to a list. */
export type Write = (operations: Operations) => void;

/** What a collection stands on. */
export interface Records {
  write(add: Write): Promise<string[]>;
  createMany(entity: string, values: readonly unknown[]): Promise<string[]>;
  /** Slices of records; a number where it is counted. */
  read(what: Reading, entity: string, text: string): Promise<any>;
}

export class RecordsOf<T> implements BatchCollection<T> {
  protected readonly entity: string;
  protected readonly records: Records;

  constructor(records: Records, entity: string) {
    this.records = records;
    this.entity = entity;
  }

  async create(value: T): Promise<Doc<T>> {
    const values = `[${toText(value, 'the value')}]`;
    return this.#one(operations => operations.add(Writing.Create, this.entity, '', values, ''));
  }

  async createMany(values: readonly T[]): Promise<Doc<T>[]> {
    if (!Array.isArray(values)) throw invalid('createMany takes an array of values', 'For one value, use create.');
    if (values.length === 0) return [];
    return this.#docs(this.records.createMany(this.entity, values));
  }

  async get(key: string): Promise<Doc<T> | undefined> {
    const [doc] = await this.getMany([key]);
    return doc;
  }

  async getMany(keys: readonly string[]): Promise<(Doc<T> | undefined)[]> {
    if (!Array.isArray(keys)) throw invalid('getMany takes an array of keys', 'For one key, use get.');
    if (keys.length === 0) return [];
    keys.forEach(keyText);
    const docs = await this.#docs<Doc<T> | null>(this.records.read(Reading.Keys, this.entity, JSON.stringify(keys)));
    return docs.map(doc => doc ?? undefined);
  }

  async update(key: string, fields: Partial<T>): Promise<Doc<T>> {
    keyText(key);
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      throw invalid('update takes an object of fields', 'To replace a whole value, use put.');
    }
    const removed = JSON.stringify(Object.keys(fields).filter(name => (fields as Record<string, unknown>)[name] === undefined));
    const text = toText(fields, 'fields');
    return this.#one(operations => operations.add(Writing.Update, this.entity, key, text, removed));
  }

  async put(key: string, value: T): Promise<Doc<T>> {
    keyText(key);
    const text = toText(value, 'the value');
    return this.#one(operations => operations.add(Writing.Put, this.entity, key, text, ''));
  }

  async delete(key: string): Promise<void> {
    keyText(key);
    await this.#write(operations => operations.add(Writing.Delete, this.entity, key, '', ''));
  }

  async undo(key: string): Promise<void> {
    keyText(key);
    await this.#write(operations => operations.add(Writing.Undo, this.entity, key, '', ''));
  }

  async find(query?: Query<T>): Promise<Doc<T>[]> {
    return this.#docs(this.records.read(Reading.Find, this.entity, queryText(query)));
  }

  async count(query?: Query<T>): Promise<number> {
    const text = queryText(query);
    try {
      return await this.records.read(Reading.Count, this.entity, text);
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  async #write(add: Write): Promise<string[]> {
    try {
      return await this.records.write(add);
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  async #one(add: Write): Promise<Doc<T>> {
    const slices = await this.#write(add);
    const [doc] = await fromSlices<Doc<T>>(slices);
    return doc as Doc<T>;
  }

  async #docs<D = Doc<T>>(slices: Promise<string[]>): Promise<D[]> {
    try {
      return await fromSlices<D>(await slices);
    } catch (thrown) {
      throw toError(thrown);
    }
  }
}
