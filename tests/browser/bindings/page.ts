// A page with a component of one framework in it: its source bundled with the package's built
// binding, on the database that the page has open, and with its subscriptions counted.

import { build, type Plugin } from 'esbuild';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compile } from 'svelte/compiler';
import type { Database } from 'tidemark';
import type { Device } from '../package-page.ts';

/** What is subscribed to at the page's database. */
export interface Subscriptions {
  /** Now. */
  active: number;
  /** Since the page began. */
  begun: number;
}

/** What the modules for Vue, Svelte and Solid put on `window`. */
interface Scene {
  mount(): void;
  fail(): void;
  showDone(): void;
  unmount(): void;
  store(): void;
  derived(): Promise<unknown[]>;
}

declare global {
  interface Window {
    subscriptions: Subscriptions;
    scene: Partial<Scene> & Pick<Scene, 'mount' | 'fail' | 'showDone' | 'unmount'>;
  }
}

/** Runs a module of this folder in the device's page; what it puts on `window`, tests use. */
export async function run(device: Device, source: string): Promise<void> {
  await device.page.evaluate(countSubscriptions);
  await device.page.addScriptTag({ type: 'module', content: await bundled(source) });
  await device.page.waitForFunction(() => 'react' in window || 'scene' in window);
}

export function subscriptions(device: Device): Promise<Subscriptions> {
  return device.page.evaluate(() => window.subscriptions);
}

function countSubscriptions(): void {
  const database: Database = window.db;
  const on = database.on.bind(database);
  window.subscriptions = { active: 0, begun: 0 };
  database.on = (event, listener) => {
    window.subscriptions.active += 1;
    window.subscriptions.begun += 1;
    const stop = on(event, listener);
    let isStopped = false;
    return () => {
      if (!isStopped) window.subscriptions.active -= 1;
      isStopped = true;
      stop();
    };
  };
}

async function bundled(source: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, source)],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    define: { 'process.env.NODE_ENV': '"development"' },
    plugins: [theOpenPackage, svelte],
    logLevel: 'warning',
  });
  return outputFiles[0]?.text ?? '';
}

/** The package itself is the one that the page has loaded already. */
const theOpenPackage: Plugin = {
  name: 'the open package',
  setup(building) {
    building.onResolve({ filter: /^tidemark$/ }, () => ({ path: '/package-under-test/index.js', external: true }));
  },
};

const svelte: Plugin = {
  name: 'svelte',
  setup(building) {
    building.onLoad({ filter: /\.svelte$/ }, ({ path }) => {
      const { js } = compile(readFileSync(path, 'utf8'), { filename: basename(path), generate: 'client', css: 'injected' });
      return { contents: js.code, loader: 'js', resolveDir: import.meta.dirname };
    });
  },
};
