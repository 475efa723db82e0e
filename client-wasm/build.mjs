// Builds dist/ from js/ and from what wasm-pack left in wasm/: an ES module for each entry, what
// they share in chunks, the types, and the WebAssembly module: as it is, and packed into a text.
import { build } from 'esbuild';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { constants, deflateRawSync } from 'node:zlib';
import { minify } from 'terser';

/** Each entry's name in dist/, its source in js/ and its types there, where they are not another's. */
const ENTRIES = [
  ['index', 'index.ts', 'tidemark.d.ts'],
  ['inline', 'inline.ts'],
  ['service-worker', 'service-worker/worker.ts', 'service-worker/service-worker.d.ts'],
  ['background-sync', 'service-worker/page.ts', 'service-worker/background-sync.d.ts'],
  ['testing', 'testing/index.ts', 'testing/testing.d.ts'],
  ['react', 'react/index.ts', 'react/react.d.ts'],
  ['vue', 'vue/index.ts', 'vue/vue.d.ts'],
  ['svelte', 'svelte/index.ts', 'svelte/svelte.d.ts'],
  ['solid', 'solid/index.ts', 'solid/solid.d.ts'],
];

/** What an entry takes from the app, or from Node; the bindings take the package's own main entry from there. */
const EXTERNAL = ['fake-indexeddb', 'node:*', 'tidemark', 'react', 'vue', 'svelte', 'solid-js'];

const here = path => fileURLToPath(new URL(path, import.meta.url));

/** What is written here below, after the bundles: no bundle is to hold it, nor any map. */
const packed = {
  name: 'packed',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/packed\.js$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Four hundredths less than esbuild leaves, once compressed: it looks at the names of wasm-bindgen's own members, too. */
async function shorten(path, name) {
  const content = await readFile(`${path}.map`, 'utf8');
  const { code, map } = await minify(await readFile(path, 'utf8'), {
    module: true,
    ecma: 2022,
    compress: { passes: 3, keep_fargs: false, inline: 0, hoist_funs: true, unsafe_arrows: true, unsafe_methods: true },
    mangle: { properties: { regex: /^__(wbg|wrap|destroy)/ } },
    sourceMap: { content, url: `${name}.map` },
  });
  await writeFile(path, code);
  await writeFile(`${path}.map`, map);
}

await rm(here('dist'), { recursive: true, force: true });
await mkdir(here('dist'), { recursive: true });
await build({
  entryPoints: Object.fromEntries(ENTRIES.map(([name, source]) => [name, here(`js/${source}`)])),
  outdir: here('dist'),
  bundle: true,
  splitting: true,
  chunkNames: 'shared-[hash]',
  format: 'esm',
  target: 'es2022',
  minify: true,
  plugins: [packed],
  external: EXTERNAL,
  // Shipped with its sources: what a person steps through is what was written.
  sourcemap: 'linked',
  legalComments: 'none',
  logLevel: 'warning',
});
for (const name of await readdir(here('dist'))) {
  if (name.endsWith('.js')) await shorten(here(`dist/${name}`), name);
}
const deflated = deflateRawSync(await readFile(here('wasm/tidemark_bg.wasm')), { level: constants.Z_BEST_COMPRESSION });
await writeFile(here('dist/packed.js'), `export default${JSON.stringify(deflated.toString('base64'))};\n`);
await copyFile(here('wasm/tidemark_bg.wasm'), here('dist/tidemark_bg.wasm'));
for (const [name, , types] of ENTRIES) {
  if (types) await copyFile(here(`js/${types}`), here(`dist/${name}.d.ts`));
}
