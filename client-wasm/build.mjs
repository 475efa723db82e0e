// Builds dist/ from js/ and from what wasm-pack left in wasm/: an ES module with its types for each
// entry of the package, and the WebAssembly module beside them, which every bundler finds by
// `new URL(…, import.meta.url)`.
import { build } from 'esbuild';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Each entry's name in dist/, its source in js/ and its types there. */
const ENTRIES = [
  ['index', 'index.ts', 'tidemark.d.ts'],
  ['react', 'react/index.ts', 'react/react.d.ts'],
  ['vue', 'vue/index.ts', 'vue/vue.d.ts'],
  ['svelte', 'svelte/index.ts', 'svelte/svelte.d.ts'],
  ['solid', 'solid/index.ts', 'solid/solid.d.ts'],
];

/** What an entry takes from the app: the frameworks, and the package's own main entry. */
const EXTERNAL = ['tidemark', 'react', 'vue', 'svelte', 'solid-js'];

const here = path => fileURLToPath(new URL(path, import.meta.url));

await rm(here('dist'), { recursive: true, force: true });
await mkdir(here('dist'), { recursive: true });
for (const [name, source, types] of ENTRIES) {
  await build({
    entryPoints: [here(`js/${source}`)],
    outfile: here(`dist/${name}.js`),
    bundle: true,
    external: EXTERNAL,
    format: 'esm',
    target: 'es2022',
    minify: true,
    // Shipped with its sources: what a person steps through is what was written.
    sourcemap: 'linked',
    legalComments: 'none',
    logLevel: 'warning',
  });
  await copyFile(here(`js/${types}`), here(`dist/${name}.d.ts`));
}
await copyFile(here('wasm/tidemark_bg.wasm'), here('dist/tidemark_bg.wasm'));
