// What each entry of the package costs on the wire, compressed with brotli: its modules, and the
// WebAssembly module where it fetches one. Run, it prints them; tests/package holds them.
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';

const IMPORTED = /(?:from|import)\s*["'](\.[^"']+)["']/g;
const BESIDE = /new URL\(["']([^"']+)["'],\s*import\.meta\.url\)/g;

/** The bytes of each entry of the package in a folder, by the entry's file. */
export function sizes(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entries = new Set(files(manifest.exports).filter(path => path.endsWith('.js')));
  return Object.fromEntries([...entries].map(entry => [relative('.', entry), sizeOf(join(folder, entry))]));
}

function files(node) {
  return typeof node === 'string' ? [node] : Object.values(node).flatMap(files);
}

/** A file and all that it names. */
function sizeOf(path, seen = new Set()) {
  if (seen.has(path)) return 0;
  seen.add(path);
  const data = readFileSync(path);
  let size = brotliCompressSync(data).length;
  if (!path.endsWith('.js')) return size;
  for (const [, named] of [...data.toString().matchAll(IMPORTED), ...data.toString().matchAll(BESIDE)]) {
    size += sizeOf(join(dirname(path), named), seen);
  }
  return size;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [entry, bytes] of Object.entries(sizes(dirname(process.argv[1])))) {
    console.log(`    ${entry.padEnd(28)} ${(bytes / 1000).toFixed(1).padStart(6)} kB brotli`);
  }
}
