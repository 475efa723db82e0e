/**
 * The package's entry for plain modules, and for bundlers that carry along the file that a module
 * names by `new URL`: the WebAssembly module is that file. Importing it starts nothing.
 */
import { openWith } from './open.ts';
import type { Database, OpenOptions } from './tidemark.d.ts';

export { TidemarkError } from './error.ts';

export function open(options: OpenOptions): Promise<Database> {
  // In these very words: it is what bundlers look for.
  return openWith(() => new URL('tidemark_bg.wasm', import.meta.url), options);
}
