/** The package's one entry. Importing it starts nothing. */
import { openCore } from '../wasm/tidemark.js';
import { LocalDatabase } from './database.ts';
import { answer } from './error.ts';
import { load } from './module.ts';
import { connectOptions, openOptions } from './options.ts';
import type { Database, OpenOptions } from './tidemark.d.ts';

export { TidemarkError } from './error.ts';

export async function open(options: OpenOptions): Promise<Database> {
  const looked = openOptions(options);
  const { server, token, sync } = options;
  const connection = server === undefined ? undefined : { server, token, sync };
  if (connection) connectOptions(connection);
  await load(options.wasm);
  const { name, persist, strict, datastore, device, indexes } = looked;
  const database = new LocalDatabase(name, persist);
  database.begin(await answer(openCore(name, strict, datastore, device, JSON.stringify(indexes), database.host)));
  if (connection) await database.connect(connection);
  return database;
}
