/** The WebAssembly module: loaded once, at the first `open`, never at import. */
import initialise from '../wasm/tidemark.js';
import { invalid, TidemarkError } from './error.ts';
import type { OpenOptions } from './tidemark.d.ts';

let loading: Promise<unknown> | undefined;

/** Loads the module, from where the bundler put it or from where the app says. */
export async function load(wasm: OpenOptions['wasm']): Promise<void> {
  if (typeof WebAssembly === 'undefined') throw unsupported('this browser has no WebAssembly');
  loading ??= initialise(wasm === undefined ? undefined : { module_or_path: wasm });
  try {
    await loading;
  } catch (error) {
    // Not kept: the network may be there the next time.
    loading = undefined;
    const help = 'Check that the page can reach tidemark_bg.wasm, or tell `open` where it is with the option `wasm`.';
    throw new TidemarkError('offline', 'the WebAssembly module could not be loaded', help, { cause: error });
  }
}

function unsupported(message: string): TidemarkError {
  return invalid(message, 'Tidemark runs in browsers: in a page, a Worker or a service worker.');
}
