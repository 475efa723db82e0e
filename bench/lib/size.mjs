// What an app's users download: the package's main entry with its WebAssembly, brotli at its best. The built
// bench page's parts would mix Vite's own in; so the package's.
import { fileURLToPath } from 'node:url';
import { sizes } from '../../client-wasm/sizes.mjs';

/** The bytes of it in all. */
export function packageSize(folder = fileURLToPath(new URL('../../client-wasm', import.meta.url))) {
  return { total: sizes(folder)['dist/index.js'] };
}
