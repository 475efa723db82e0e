/** The entry for an app's own tests in Node: the real engine over storage in memory, a server and a clock that the test steers. */
import { invalid } from '../error.ts';
import { open } from '../inline.ts';
import type { Database } from '../tidemark.d.ts';
import { FakeClock, millisOf } from './clock.ts';
import { Memory } from './memory.ts';
import { FakeServer } from './server.ts';
import type { DeviceOptions, Testing, TestingOptions } from './testing.d.ts';

let underWay: Testing | undefined;

export async function startTesting(options: TestingOptions = {}): Promise<Testing> {
  if (underWay) throw invalid('a test is under way already', 'End it first: await testing.end().');
  const now = options.now === undefined ? undefined : millisOf(options.now);
  const memory = await Memory.install();
  const clock: FakeClock = new FakeClock(() => memory.isBusy || server.isBusy);
  const server = new FakeServer(() => clock.now);
  if (now !== undefined) clock.install(now);
  server.install();
  // Its work is done by threads, whose time no clock here knows; who has it not sends plainly.
  const compression = Object.getOwnPropertyDescriptor(globalThis, 'CompressionStream');
  Reflect.deleteProperty(globalThis, 'CompressionStream');
  const opened: Database[] = [];

  const testing: Testing = {
    server,
    clock,
    async open({ user = 'user', ...device }: DeviceOptions = {}) {
      const token = (): string => server.token(user);
      const database = await open({ name: crypto.randomUUID(), server: server.url, token, sync: 'manual', ...device });
      opened.push(database);
      return database;
    },
    async end() {
      if (underWay !== testing) return;
      await Promise.all(opened.map(database => database.close().catch(() => undefined)));
      if (compression) Object.defineProperty(globalThis, 'CompressionStream', compression);
      server.remove();
      clock.remove();
      memory.remove();
      underWay = undefined;
    },
  };
  underWay = testing;
  return testing;
}
