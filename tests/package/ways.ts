// The ways in which an app's files reach the browser: as they are, or through a bundler with next to
// no settings. Each makes a site of tests/package/app with the package as it was installed.

import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build as esbuild } from 'esbuild';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rollup } from 'rollup';
import { build as viteBuild, createServer, defaultClientConditions } from 'vite';
import webpack from 'webpack';
import { serve } from './archive.ts';

export interface Site {
  url: string;
  close(): unknown;
}

/** A way, and where in the browser the app is used when it came by it. */
export interface Way {
  name: string;
  places: Place[];
  /** Makes a site of the app's folder. */
  make(folder: string): Promise<Site>;
}

export type Place = 'page' | 'worker' | 'service-worker-module' | 'service-worker-classic';

const EVERYWHERE: Place[] = ['page', 'worker', 'service-worker-module', 'service-worker-classic'];
/** Where no bundler makes the script of a service worker into one file without imports. */
const MODULES: Place[] = ['page', 'worker', 'service-worker-module'];

/** The plain module in the package, for what names a file and not the package. */
const ENTRY = '/node_modules/tidemark/dist/index.js';

/**
 * No bundler at all. The page has an import map; a Worker and a service worker have none, so that
 * they name the file.
 */
const plain: Way = {
  name: 'plain modules and an import map',
  places: MODULES,
  async make(folder) {
    const site = join(folder, 'plain');
    for (const name of ['main.js', 'use.js', 'worker.js', 'sw.js', 'sw-module.js']) cpSync(join(folder, name), join(site, name));
    cpSync(join(folder, 'node_modules/tidemark'), join(site, 'node_modules/tidemark'), { recursive: true });
    const use = readFileSync(join(site, 'use.js'), 'utf8');
    writeFileSync(join(site, 'use-file.js'), use.replace("'tidemark'", `'${ENTRY}'`));
    for (const name of ['worker.js', 'sw.js']) {
      writeFileSync(join(site, name), readFileSync(join(site, name), 'utf8').replace('./use.js', './use-file.js'));
    }
    const html = `<!doctype html><title>running</title>
      <script type="importmap">{"imports":{"tidemark":"${ENTRY}"}}</script>
      <script type="module" src="/main.js"></script>`;
    return serve(site, html);
  },
};

const viteBuilt: Way = {
  name: 'Vite, built',
  places: EVERYWHERE,
  async make(folder) {
    const common = { root: folder, logLevel: 'warn', configFile: false } as const;
    const outDir = join(folder, 'out-vite');
    const entryFileNames = ({ name }: { name: string }): string => (name === 'sw-module' ? '[name].js' : 'assets/[name]-[hash].js');
    await viteBuild({
      ...common,
      build: { outDir, rolldownOptions: { input: [join(folder, 'index.html'), join(folder, 'sw-module.js')], output: { entryFileNames } } },
      worker: { format: 'es' },
    });
    await viteBuild({
      ...common,
      // In a classic script there is no `import.meta.url` to find a file by.
      resolve: { conditions: ['inline', ...defaultClientConditions] },
      build: {
        outDir,
        emptyOutDir: false,
        rolldownOptions: { input: join(folder, 'sw.js'), output: { format: 'iife', entryFileNames: 'sw-classic.js' } },
      },
    });
    return serve(outDir);
  },
};

const viteDeveloping: Way = {
  name: 'Vite, developing',
  places: MODULES,
  async make(folder) {
    const server = await createServer({ root: folder, logLevel: 'warn', configFile: false, server: { host: '127.0.0.1', port: 0 } });
    await server.listen();
    const url = server.resolvedUrls?.local[0];
    if (url === undefined) throw new Error('Vite serves nowhere');
    return { url, close: () => server.close() };
  },
};

const webpackWay: Way = {
  name: 'webpack',
  places: ['page', 'worker', 'service-worker-classic'],
  async make(folder) {
    const path = join(folder, 'out-webpack');
    const compiler = webpack({
      mode: 'production',
      context: folder,
      entry: { main: './main.js', 'sw-classic': './sw.js' },
      output: { path },
      performance: false,
    });
    await new Promise<void>((resolve, reject) => {
      compiler?.run((error, stats) => {
        if (error || stats?.hasErrors() || stats?.hasWarnings()) reject(error ?? new Error(stats?.toString('errors-warnings')));
        else compiler.close(() => resolve());
      });
    });
    return serve(path, page('main.js'));
  },
};

const esbuildWay: Way = {
  name: 'esbuild',
  places: EVERYWHERE,
  async make(folder) {
    const outdir = join(folder, 'out-esbuild');
    const common = { absWorkingDir: folder, bundle: true, minify: true, outdir, logLevel: 'warning' } as const;
    const entryPoints = { main: 'main.js', worker: 'worker.js', 'sw-module': 'sw.js' };
    await esbuild({ ...common, entryPoints, format: 'esm' });
    await esbuild({ ...common, entryPoints: { 'sw-classic': 'sw.js' } });
    return serve(outdir, page('main.js'));
  },
};

/** It carries no file along by itself, and asks for `production`: so it is told to take the module that holds all. */
const rollupWay: Way = {
  name: 'Rollup',
  places: EVERYWHERE,
  async make(folder) {
    const dir = join(folder, 'out-rollup');
    const plugins = [nodeResolve({ browser: true, exportConditions: ['inline'] })];
    const modules = await rollup({ input: ['main', 'worker', 'sw-module'].map(name => join(folder, `${name}.js`)), plugins });
    await modules.write({ dir });
    const classic = await rollup({ input: join(folder, 'sw.js'), plugins });
    await classic.write({ file: join(dir, 'sw-classic.js'), format: 'iife' });
    return serve(dir, page('main.js'));
  },
};

/** A page with one script. */
function page(script: string): string {
  return `<!doctype html><title>running</title><script type="module" src="/${script}"></script>`;
}

export const ways = [plain, viteBuilt, viteDeveloping, webpackWay, esbuildWay, rollupWay];
