// What the sums by ranges of keys cost: the server's own example, which prints its figures as JSON.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs it on so many records; what it says in its last line. */
export async function sumsAt(program, count) {
  const { stdout } = await promisify(execFile)(program, [String(count)], { maxBuffer: 1 << 24 });
  return { count, ...JSON.parse(stdout.trim().split('\n').at(-1)) };
}
