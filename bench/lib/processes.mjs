// Child processes of the benchmark: started, awaited by their printed address, ended by id.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';

/** Starts a server that prints `listening on URL`; resolves to { url, pid, stop }. */
export function startServer(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', data => (complaint = (complaint + data).slice(-2000)));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', line => {
      const url = /^listening on (\S+)/.exec(line)?.[1];
      if (url) resolve({ url, pid: child.pid, stop: () => stop(child) });
    });
    child.once('exit', code => reject(new Error(`${command} ended with ${code}: ${complaint}`)));
  });
}

function stop(child) {
  if (child.exitCode !== null) return undefined;
  return new Promise(resolve => {
    child.once('exit', resolve);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 5000).unref();
  });
}

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
};

/** Serves a built folder on loopback. */
export async function serveFolder(folder) {
  const server = createServer(async (request, response) => {
    const asked = normalize(new URL(request.url, 'http://x').pathname).replace(/^\/+/, '');
    const path = asked || 'index.html';
    try {
      const body = await readFile(join(folder, path));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

/** Resident memory of a process in MB: now and at its highest (Linux only). */
export async function residentMegabytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const read = name => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? NaN) / 1024;
  return { now: read('VmRSS'), highest: read('VmHWM') };
}
