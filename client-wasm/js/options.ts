/** Looks at what the app gives, so that a mistake is told where it is made. */
import { invalid } from './error.ts';
import { toText } from './text.ts';
import type { Choice, ConnectOptions, OpenOptions, Query, SyncOptions, Token } from './tidemark.d.ts';

/** How to open a database, looked at. */
export interface Looked {
  name: string;
  persist: boolean;
  strict: boolean;
  /** An entity and its fields each. */
  indexes: string[][];
  datastore: string | undefined;
  /** Its description as JSON. */
  device: string | undefined;
}

/** A server, looked at. */
export interface Server {
  address: string;
  token: Token | undefined;
  isAuto: boolean;
  datastore: string | undefined;
}

export function openOptions(options: OpenOptions): Looked {
  const example = "Open a database like this: open({ name: 'notes', server: 'https://sync.example.com', token }).";
  if (typeof options !== 'object' || options === null) throw invalid('open takes an object of options', example);
  const { name, datastore, device, durability, persist } = options;
  if (typeof name !== 'string' || name === '') throw invalid('open needs `name`, a string', example);
  if (durability !== undefined && durability !== 'relaxed' && durability !== 'strict') {
    throw invalid(`there is no durability ${quote(durability)}`, "Take 'relaxed' or 'strict'.");
  }
  flags({ persist });
  return {
    name,
    persist: persist ?? true,
    strict: durability === 'strict',
    indexes: declared(options.indexes),
    datastore: text(datastore, 'datastore'),
    device: device && JSON.stringify({ name: text(device.name, 'device.name'), direction: device.direction, mirror: device.mirror }),
  };
}

/** The words of a sync; which of them there are, the module knows. */
export function syncOptions(options: SyncOptions): { mode: string; direction: string; mirror: boolean; confirm: boolean } {
  if (typeof options !== 'object' || options === null) throw invalid('sync takes an object of options', "For example: db.sync({ direction: 'pull' }).");
  const { mode, direction, mirror, confirm } = options;
  for (const [name, word] of Object.entries({ mode, direction })) {
    if (word !== undefined && typeof word !== 'string') throw invalid(`\`${name}\` is no word`, 'Give one of its words, or leave it out.');
  }
  flags({ mirror, confirm });
  return { mode: mode ?? '', direction: direction ?? '', mirror: mirror ?? false, confirm: confirm ?? false };
}

function flags(named: Record<string, boolean | undefined>): void {
  for (const [name, flag] of Object.entries(named)) {
    if (flag !== undefined && typeof flag !== 'boolean') throw invalid(`\`${name}\` is neither true nor false`, 'Give one of them, or leave it out.');
  }
}

export function connectOptions(options: ConnectOptions): Server {
  const { server, token, sync, datastore } = options ?? {};
  const help = "Give the server's address, like 'https://sync.example.com'.";
  let url: URL;
  try {
    url = new URL(String(server), (globalThis as { location?: { href: string } }).location?.href);
  } catch (error) {
    throw invalid(`the server ${quote(server)} is no address`, help, error);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw invalid(`the server ${quote(server)} is not an http address`, help);
  }
  if (token !== undefined && token !== null && typeof token !== 'string' && typeof token !== 'function') {
    throw invalid('`token` is neither a string nor a function', 'Give the JWT, or a function that gives one.');
  }
  if (sync !== undefined && sync !== 'auto' && sync !== 'manual') {
    throw invalid(`there is no sync ${quote(sync)}`, "Take 'auto' or 'manual'.");
  }
  return { address: (url.origin + url.pathname).replace(/\/+$/, ''), token, isAuto: sync !== 'manual', datastore: text(datastore, 'datastore') };
}

export function entityName(entity: string): string {
  if (typeof entity !== 'string' || entity === '') {
    throw invalid('collection takes the name of an entity', "For example: db.collection('todo').");
  }
  return entity;
}

export function keyText(key: string): string {
  if (typeof key !== 'string' || key === '') {
    throw invalid(`${quote(key)} is no key`, 'Keys are strings that are not empty: take `key` of a document.');
  }
  return key;
}

/** A decision as the module takes it: a value as text if there is one. */
export function decision(id: string, choice: Choice): { isDevice: boolean; value: string | undefined } {
  if (typeof id !== 'string' || id === '') throw invalid(`${quote(id)} is no conflict’s id`, 'Take `id` of one of db.conflicts().');
  if (choice === 'truth' || choice === 'device') return { isDevice: choice === 'device', value: undefined };
  if (typeof choice !== 'object' || choice === null || !('value' in choice)) {
    throw invalid(`there is no choice ${quote(choice)}`, "Take 'truth', 'device', or { value } with the whole value.");
  }
  return { isDevice: false, value: toText(choice.value, 'the value') };
}

/** A query as the module reads it. What it means, and what of it is wrong, the module knows. */
export function queryText<T>(query: Query<T> | undefined): string {
  if (query === undefined) return '{}';
  const help = "For example: { where: { done: false }, orderBy: ['-updated'], limit: 50 }.";
  if (typeof query !== 'object' || query === null) throw invalid('a query is an object', help);
  const { where, orderBy } = query;
  for (const [field, condition] of Object.entries(where ?? {})) {
    if (condition === undefined) {
      throw invalid(`where.${field} is undefined`, 'To find records without the field, use { exists: false }.');
    }
  }
  return toText(typeof orderBy === 'string' ? { ...query, orderBy: [orderBy] } : query, 'the query');
}

function declared(indexes: OpenOptions['indexes']): Looked['indexes'] {
  const help = "Declare indexes like this: { todo: ['list', ['list', 'updated']] }.";
  if (indexes === undefined) return [];
  if (typeof indexes !== 'object' || indexes === null) throw invalid('`indexes` is no object', help);
  return Object.entries(indexes).flatMap(([entity, lists]) => {
    if (!Array.isArray(lists)) throw invalid(`indexes.${entity} is no array`, help);
    return lists.map((list: string | readonly string[]) => {
      const fields = typeof list === 'string' ? [list] : Array.isArray(list) ? [...list] : [];
      if (fields.length === 0 || !fields.every(field => typeof field === 'string' && field !== '')) {
        throw invalid(`an index of ${entity} names no fields`, help);
      }
      return [entity, ...fields];
    });
  });
}

function text(value: unknown, name: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') throw invalid(`\`${name}\` is no text`, 'Give a string, or leave it out.');
  return value;
}

function quote(value: unknown): string {
  return typeof value === 'string' ? `“${value}”` : String(value);
}
