// The peers' own servers, each a child process so that none shares the driver's event loop:
//   node servers/peers.mjs pouchdb DIR   CouchDB's protocol on LevelDB files in DIR
//   node servers/peers.mjs yjs           Hocuspocus, in memory
// Prints `listening on http://…` once connections are accepted.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const [kind, directory] = process.argv.slice(2);

function announce(port) {
  console.log(`listening on http://127.0.0.1:${port}`);
}

if (kind === 'pouchdb') {
  const express = require('express');
  const PouchDB = require('pouchdb').defaults({ prefix: `${directory}/` });
  const app = express();
  app.use((request, response, next) => {
    response.set({
      'Access-Control-Allow-Origin': request.headers.origin ?? '*',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Allow-Methods': 'GET, PUT, POST, HEAD, DELETE',
      'Access-Control-Allow-Headers': 'accept, authorization, content-type, origin',
      'Access-Control-Max-Age': '600',
    });
    if (request.method === 'OPTIONS') response.status(204).end();
    else next();
  });
  app.use(
    '/',
    require('express-pouchdb')(PouchDB, {
      mode: 'minimumForPouchDB',
      inMemoryConfig: true,
      logPath: `${directory}/log.txt`,
    }),
  );
  const server = app.listen(0, '127.0.0.1', () => announce(server.address().port));
} else if (kind === 'yjs') {
  const { Server } = await import('@hocuspocus/server');
  const { applyUpdate, encodeStateAsUpdate } = await import('yjs');
  // Hocuspocus unloads a document with its last connection; this keeps it, still in memory.
  const kept = new Map();
  const server = new Server({
    port: 0,
    address: '127.0.0.1',
    quiet: true,
    debounce: 0,
    async onLoadDocument({ document, documentName }) {
      if (kept.has(documentName)) applyUpdate(document, kept.get(documentName));
    },
    async onStoreDocument({ document, documentName }) {
      kept.set(documentName, encodeStateAsUpdate(document));
    },
  });
  await server.listen();
  announce(server.address.port);
} else {
  console.error('usage: node servers/peers.mjs pouchdb DIRECTORY | yjs');
  process.exit(2);
}
