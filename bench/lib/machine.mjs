// The machine in general terms, as far as figures depend on it.
import { execFile } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { BROWSER } from './devices.mjs';

export async function machine() {
  const { stdout } = await promisify(execFile)(BROWSER, ['--version']);
  return {
    browser: /\S+ [\d]+/.exec(stdout)?.[0] ?? stdout.trim(),
    cores: cpus().length,
    gigabytes: Math.round(totalmem() / 2 ** 30),
  };
}
