// Makes what wasm-bindgen left in wasm/ smaller, in place: both the module and its glue.
//
// - A panic says nothing in a browser, it only traps. So its functions trap at once, and the
//   code that would have put messages together goes with them.
// - binaryen optimises for size. `--low-memory-unused`: the stack comes first in memory, so
//   that nothing lies at its very beginning. `--dealign`: no hints of how addresses are aligned,
//   which browsers do not use. Then functions that are alike lie side by side (order.mjs).
// - What the module and the glue call each other by, long names with hashes, gets short.
import binaryen from 'binaryen';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inOrderOfLikeness } from './order.mjs';

const here = path => fileURLToPath(new URL(path, import.meta.url));
const wasm = here('wasm/tidemark_bg.wasm');
const quiet = here('wasm/quiet.wasm');
const glue = here('wasm/tidemark.js');

/** Functions of the standard library that never return, and whose work is a message. */
const PANICS = new RegExp(
  [
    '::panicking::(panic|assert_failed|begin_panic)',
    '(unwrap|expect|index|mismatch|slice_error)_fail',
    '::(assert_failed|capacity_overflow|handle_error|handle_alloc_error|rust_panic)\\b',
    '::panic_(already_\\w*borrowed|poisoned)\\b',
  ].join('|'),
);

/** What only such messages are written with: no error that reaches an app uses `Debug`. */
const DEBUG = /^<(char|core.*::Range<usize>) as core.*::fmt::Debug>::fmt/;

const module = binaryen.readBinary(readFileSync(wasm));
let silenced = 0;
for (let index = 0; index < module.getNumFunctions(); index++) {
  const held = module.getFunctionByIndex(index);
  const { name } = binaryen.getFunctionInfo(held);
  if (PANICS.test(name)) {
    binaryen.Function.setBody(held, module.unreachable());
    silenced += 1;
  } else if (DEBUG.test(name)) {
    binaryen.Function.setBody(held, module.i32.const(0));
  }
}
if (silenced === 0) throw new Error('no panic was found: does the module still have its names?');
binaryen.setDebugInfo(true);
writeFileSync(quiet, module.emitBinary());

const binary = join(dirname(createRequire(import.meta.url).resolve('binaryen')), 'bin/wasm-opt');
const wasmOpt = (...given) => execFileSync(process.execPath, [binary, ...given], { encoding: 'utf8' });
wasmOpt(quiet, '-o', quiet, '-Oz', '--converge', '--low-memory-unused', '--debuginfo');
writeFileSync(quiet, inOrderOfLikeness(readFileSync(quiet)));
// Apart from the rest, which is repeated until nothing changes: it prints what it renamed.
const names = JSON.parse(
  wasmOpt(
    quiet, '-o', wasm, '--dealign', '--strip-debug', '--strip-producers', '--strip-target-features',
    '--minify-imports-and-exports-and-modules',
  ),
);
rmSync(quiet);

const short = new Map(names.imports.map(([, name, by]) => [name, by]));
const shortExport = new Map(names.exports);
const [{ module: from }] = WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(wasm)));
const text = readFileSync(glue, 'utf8')
  .replaceAll(/^( {8})([\w$]+)(?=: function)/gm, (_, indent, name) => indent + (short.get(name) ?? name))
  .replaceAll(/\bwasm\.([\w$]+)/g, (_, name) => `wasm.${shortExport.get(name) ?? name}`)
  .replace('"./tidemark_bg.js":', () => `${JSON.stringify(from)}:`)
  // Where the module lies, each entry says for itself: an address here would be in all of them.
  .replace(/ {4}if \(module_or_path === undefined\) \{\n.*import\.meta\.url.*\n {4}\}\n/, '');
writeFileSync(glue, text);

// What the glue's shape is, is wasm-bindgen's to change: see that nothing was missed.
for (const { name } of WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(wasm)))) {
  if (!text.includes(`        ${name}: function`)) throw new Error(`the glue has no import ${name}`);
}
if (text.includes('import.meta')) throw new Error('the glue still looks for the module by itself');
