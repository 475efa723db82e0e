// Builds dist/ from js/ and from what wasm-pack left in wasm/: one ES module, its types, and
// the WebAssembly module beside it, which every bundler finds by `new URL(…, import.meta.url)`.
import { build } from 'esbuild';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = path => fileURLToPath(new URL(path, import.meta.url));

await rm(here('dist'), { recursive: true, force: true });
await mkdir(here('dist'), { recursive: true });
await build({
  entryPoints: [here('js/index.ts')],
  outfile: here('dist/index.js'),
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  // Shipped with its sources: what a person steps through is what was written.
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
});
await copyFile(here('wasm/tidemark_bg.wasm'), here('dist/tidemark_bg.wasm'));
await copyFile(here('js/tidemark.d.ts'), here('dist/index.d.ts'));
