// Builds the bench page; `tidemark` is the built package, as an app would install it.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  resolve: { alias: { tidemark: fileURLToPath(new URL('../client-wasm', import.meta.url)) } },
  build: { target: 'esnext', modulePreload: false },
});
