/** The WebAssembly module: loaded once, at the first `open`, never at import. */
import initialise from '../wasm/tidemark.js';
import { invalid, TidemarkError } from './error.ts';
import type { OpenOptions } from './tidemark.d.ts';

/** Gives the module: its address, its bytes, or itself. */
export type Source = () => NonNullable<OpenOptions['wasm']> | Promise<BufferSource>;

let loading: Promise<unknown> | undefined;

/** Loads the module, if that is not done yet. */
export async function load(source: Source): Promise<void> {
  if (typeof WebAssembly === 'undefined') throw unsupported('this browser has no WebAssembly');
  try {
    loading ??= initialise({ module_or_path: source() });
    await loading;
  } catch (error) {
    // Not kept: the network may be there the next time.
    loading = undefined;
    const help = 'Check that the page can reach tidemark_bg.wasm and that its content security policy allows wasm-unsafe-eval, or give `open` the module with the option `wasm`.';
    throw new TidemarkError('offline', 'the WebAssembly module could not be loaded', help, { cause: error });
  }
}

function unsupported(message: string): TidemarkError {
  return invalid(message, 'Tidemark runs in browsers: in a page, a Worker or a service worker.');
}
