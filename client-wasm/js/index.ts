/** The package's one entry. Importing it starts nothing. */
import { OpenOptions as CoreOptions, openCore } from '../wasm/tidemark.js';
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
  const core = new CoreOptions(looked.name, looked.strict, looked.datastore, looked.deviceName);
  for (const { entity, fields } of looked.indexes) core.index(entity, fields);
  const database = new LocalDatabase(looked.name);
  database.begin(await answer(openCore(core, database.heard)));
  if (connection) await database.connect(connection);
  return database;
}
