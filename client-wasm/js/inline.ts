/**
 * The package's entry where a file beside it would be lost (docs/decisions/0020): the WebAssembly
 * module is part of it. Importing it starts nothing.
 */
import { openWith } from './open.ts';
import packed from './packed.js';
import type { Database, OpenOptions } from './tidemark.d.ts';

export { TidemarkError } from './error.ts';

export function open(options: OpenOptions): Promise<Database> {
  return openWith(unpack, options);
}

/** The module's bytes. */
async function unpack(): Promise<ArrayBuffer> {
  const deflated = Uint8Array.from(atob(packed), letter => letter.charCodeAt(0));
  const plain = new Blob([deflated]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Response(plain).arrayBuffer();
}
