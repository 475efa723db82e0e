// The code blocks of a document, as a reader would copy them: each is a module of its own, and a
// block whose first line is `// name.ts` is a file that later ones import. What wants more than a page,
// as a framework or a service worker, is marked `shown by` the test that does the same.

import { build, type Plugin } from 'esbuild';
import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(import.meta.dirname, '../..');
const CODE = new Set(['ts', 'tsx', 'js', 'jsx']);
/** What a reader types into a terminal or a file, and no page could run. */
const OTHER = new Set(['sh', 'toml', 'text']);
/** A block that a test elsewhere runs the like of. */
const SHOWN = /^\w+ shown by (\S+)$/;

/** The address that the documents give the server. */
const SERVER = 'https://sync.example.com';

/** One block of code. */
export interface Example {
  /** The document, from the repository's root. */
  document: string;
  /** The heading that it stands under. */
  heading: string;
  /** The line of the document that its first line is. */
  line: number;
  /** The name that other blocks import it by. */
  file: string | undefined;
  language: string;
  code: string;
}

/** What a line of a block says that it prints. */
export interface Printed {
  line: number;
  text: string;
  /** `// … text`: others may come before it. */
  isLast: boolean;
}

/** The blocks of a document, in order. */
export function examplesOf(document: string): Example[] {
  const examples: Example[] = [];
  let heading = '';
  let open: { language: string; line: number; code: string[] } | undefined;
  for (const [index, text] of readFileSync(resolve(root, document), 'utf8').split('\n').entries()) {
    const fence = /^\s*```(.*)$/.exec(text);
    if (open === undefined) {
      heading = /^#+ (.*)$/.exec(text)?.[1] ?? heading;
      if (fence) open = { language: fence[1]!.trim(), line: index + 2, code: [] };
    } else if (fence) {
      const { language, line, code } = open;
      if (CODE.has(language)) {
        examples.push({ document, heading, line, file: /^\/\/ (\S+\.tsx?)$/.exec(code[0] ?? '')?.[1], language, code: code.join('\n') });
      } else if (language !== '' && !OTHER.has(language) && !existsSync(resolve(root, SHOWN.exec(language)?.[1] ?? '.none'))) {
        throw new Error(`${document}:${line - 1}: nothing runs a block of “${language}”`);
      }
      open = undefined;
    } else {
      open.code.push(text);
    }
  }
  return examples;
}

/** What a block says that it prints: each `console.log` ends in a comment with its text. */
export function printedBy(example: Example): Printed[] {
  return example.code.split('\n').flatMap((text, index) => {
    if (!text.includes('console.log(')) return [];
    const line = example.line + index;
    const said = /\/\/ (.+)$/.exec(text)?.[1];
    if (said === undefined) throw new Error(`${example.document}:${line}: a line that prints says what, in a comment at its end`);
    const isLast = said.startsWith('… ');
    return [{ line, text: said.replace('… ', ''), isLast }];
  });
}

/**
 * A block with the files that it imports, as one module for the browser: the package is left to the page, and
 * what is printed goes to `printed(line, …)`.
 */
export async function bundled(example: Example, all: readonly Example[], server: string, packageAt: string): Promise<string> {
  const files = new Map(all.flatMap(other => (other.file === undefined || other.document !== example.document ? [] : [[other.file, other]])));
  const source = ({ code, line }: Example): string =>
    code
      .replaceAll(SERVER, server)
      .split('\n')
      .map((text, index) => text.replace('console.log(', `printed(${line + index}, `))
      .join('\n');
  const blocks: Plugin = {
    name: 'blocks',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, kind }) => {
        if (kind === 'entry-point') return { path, namespace: 'entry' };
        if (path === 'tidemark' || path.startsWith('tidemark/')) return { path: packageAt + inPackage(path), external: true };
        return files.has(path.replace('./', '')) ? { path: path.replace('./', ''), namespace: 'beside' } : undefined;
      });
      build.onLoad({ filter: /.*/, namespace: 'entry' }, () => ({ contents: source(example), loader: loader(example), resolveDir: import.meta.dirname }));
      build.onLoad({ filter: /.*/, namespace: 'beside' }, ({ path }) => {
        const file = files.get(path)!;
        return { contents: source(file), loader: loader(file), resolveDir: import.meta.dirname };
      });
    },
  };
  const result = await build({ entryPoints: ['block'], bundle: true, write: false, format: 'esm', target: 'es2022', logLevel: 'silent', plugins: [blocks] });
  return result.outputFiles[0]!.text;
}

function loader({ language }: Example): 'tsx' | 'ts' {
  return language.endsWith('x') ? 'tsx' : 'ts';
}

/** Where an entry of the package lies among its built files. */
function inPackage(specifier: string): string {
  const dist = fileURLToPath(new URL('.', import.meta.resolve('tidemark')));
  return relative(dist, fileURLToPath(import.meta.resolve(specifier)));
}
