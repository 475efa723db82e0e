/** Opening a database, for each entry with its own way to the WebAssembly module. */
import { openCore } from '../wasm/tidemark.js';
import { LocalDatabase } from './database.ts';
import { answer } from './error.ts';
import { load, type Source } from './module.ts';
import { connectOptions, openOptions } from './options.ts';
import type { Database, OpenOptions } from './tidemark.d.ts';

/** Opens it; the module comes from where the app says, else from `source`. */
export async function openWith(source: Source, options: OpenOptions): Promise<Database> {
  const looked = openOptions(options);
  const { server, token, sync } = options;
  const connection = server === undefined ? undefined : { server, token, sync };
  if (connection) connectOptions(connection);
  const { wasm } = options;
  await load(wasm === undefined ? source : () => wasm);
  const { name, persist, strict, datastore, device, indexes } = looked;
  const database = new LocalDatabase(name, persist);
  database.begin(await answer(openCore(name, strict, datastore, device, JSON.stringify(indexes), database.host)));
  if (connection) await database.connect(connection);
  return database;
}
