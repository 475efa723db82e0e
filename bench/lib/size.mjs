// What an app's users download: the package's JavaScript and WebAssembly, brotli at its best.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

/** Bytes of the built bench page's Tidemark parts would mix in Vite's own; so the package's. */
export async function packageSize(folder = new URL('../../client-wasm/', import.meta.url).pathname) {
  const { files } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const parts = [];
  for (const entry of files) await collect(join(folder, entry), entry, parts);
  const total = parts.reduce((sum, part) => sum + part.brotli, 0);
  return { parts, total };
}

async function collect(path, name, parts) {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined);
  if (entries) {
    for (const entry of entries) await collect(join(path, entry.name), `${name}/${entry.name}`, parts);
  } else if (/\.(js|wasm)$/.test(name)) {
    const bytes = await readFile(path);
    parts.push({ name, bytes: bytes.length, brotli: brotliCompressSync(bytes).length });
  }
}
