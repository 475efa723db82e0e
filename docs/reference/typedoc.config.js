// How TypeDoc writes the reference: of every entry that the package's manifest names, from the types
// as they are shipped. What is exported and not documented is an error.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const client = new URL('../../client-wasm/', import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL('package.json', client), 'utf8'));
const types = Object.values(exports).flatMap(entry => entry.types ?? []);

/** @type {Partial<import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions>} */
export default {
  entryPoints: types.map(path => fileURLToPath(new URL(path, client))),
  tsconfig: fileURLToPath(new URL('tsconfig.json', import.meta.url)),
  plugin: ['typedoc-plugin-markdown'],
  out: fileURLToPath(new URL('../../dist/reference', import.meta.url)),
  name: 'tidemark',
  readme: 'none',
  disableSources: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  requiredToBeDocumented: [
    'Class', 'Interface', 'TypeAlias', 'Variable', 'Function', 'Enum', 'EnumMember', 'Namespace',
    'Property', 'Method', 'Accessor', 'CallSignature', 'ConstructorSignature',
  ],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  logLevel: 'Warn',
};
