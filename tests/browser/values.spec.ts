// Odd values come back equal through the whole stack, and bad input is told so at the API.

import { Device } from './package-page.ts';
import { expect, test } from './server.ts';

/** RFC 8785, appendix B: the numbers that a careless serialiser gets wrong. */
const NUMBERS = [
  0, 5e-324, -5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740992, -9007199254740992,
  295147905179352830000, 9.999999999999997e22, 1e23, 1.0000000000000001e23, 999999999999999700000,
  999999999999999900000, 1e21, 9.999999999999997e-7, 0.000001, 333333333.3333332, 333333333.33333325,
  333333333.3333333, 333333333.3333334, 333333333.33333343, -0.0000033333333333333333, 1424953923781206.2,
];

const ODD: unknown[] = [
  NUMBERS,
  null,
  true,
  0,
  '',
  [],
  {},
  'text',
  [[[[]]], { a: [{ b: null }] }],
  { '': 'an empty key', ' ': 'a space', '\n': 'a line end', '\u0000': 'a zero', '"': '\\', '€': '€', '😀': '👩‍👩‍👧‍👦' },
  { constructor: 1, toString: 2, hasOwnProperty: 3, length: 4, $ref: 5, _id: 6 },
  { 'ﬁ': 'a ligature', 'é': 'composed', 'e\u0301': 'decomposed', '\u202e': 'right to left', '\ufeff': 'a mark' },
  { long: 'x'.repeat(200_000), longUnicode: '漢😀'.repeat(40_000) },
  { '10': 'b', '9': 'a', b: 1, a: 2 },
  Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`field ${at}`, at])),
];

test('odd values come back equal on another device', async ({ server, context, browser }) => {
  const device = await Device.open(context, server, 'alice');
  const keys = await device.create('odd', ODD);
  // a member of this name is set by JSON.parse, not by an object literal
  const [proto] = await device.page.evaluate(async () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "kept": 1}') as never;
    return [(await window.db.collection('odd').create(value)).key];
  });
  expect((await device.sync()).in_sync).toBe(true);

  const other = await Device.open(await browser.newContext(), server, 'alice');
  expect((await other.sync()).in_sync).toBe(true);
  const fetched = await other.page.evaluate(
    async keys => (await window.db.collection('odd').find()).filter(doc => keys !== undefined).map(doc => JSON.stringify(doc.value)),
    keys,
  );
  const canonical = (value: unknown) => JSON.stringify(sortMembers(value));
  const wanted = [...ODD.map(canonical), '{"__proto__":{"polluted":true},"kept":1}'].sort();
  expect(fetched.map(text => canonical(JSON.parse(text))).sort()).toEqual(wanted);
  expect((await other.info()).fingerprint).toBe((await device.info()).fingerprint);
  expect(await other.page.evaluate(() => 'polluted' in {})).toBe(false);

  // an alias goes on working after the record got its key
  const text = await device.page.evaluate(async key => JSON.stringify((await window.db.collection('odd').get(key))?.value), proto!);
  expect(text).toBe('{"__proto__":{"polluted":true},"kept":1}');
});

/** The same value with its members in one order; lists of entries, since `__proto__` is a member too. */
function sortMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortMembers);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, sortMembers(member)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('bad input at the API is refused in words, and changes nothing', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  const codes = await device.page.evaluate(async () => {
    const notes = window.db.collection<never>('note');
    const circle: Record<string, unknown> = {};
    circle.itself = circle;
    const bad: Record<string, () => unknown> = {
      'a circle': () => notes.create(circle as never),
      'no value': () => notes.create(undefined as never),
      'a function': () => notes.create((() => 1) as never),
      'a big integer': () => notes.create({ big: 1n } as never),
      'a lone surrogate': () => notes.create({ text: '\ud800' } as never),
      'an update of nothing': () => notes.update('no such key', {} as never),
      'a number as key': () => notes.get(5 as never),
      'an entity that is no text': () => window.db.collection(5 as never).find(),
      'an empty entity': () => window.db.collection('').find(),
      'an unknown operator': () => notes.find({ where: { a: { like: 'x' } } } as never),
      'a limit that is no number': () => notes.find({ limit: 'all' } as never),
      'a negative limit': () => notes.find({ limit: -1 }),
      'an order that is no text': () => notes.find({ orderBy: [5] } as never),
      'an unknown event': () => window.db.on('nothing' as never, () => undefined),
      'open without a name': () => window.tidemark.open({} as never),
      'a server that is no address': () => window.db.connect({ server: 'http://[' }),
    };
    const codes: Record<string, string> = {};
    for (const [name, call] of Object.entries(bad)) {
      try {
        await call();
        codes[name] = 'none';
      } catch (error) {
        const known = error instanceof window.tidemark.TidemarkError;
        codes[name] = known && error.message !== '' && error.help !== '' ? error.code : `unexpected: ${String(error)}`;
      }
    }
    return codes;
  });
  const { 'an update of nothing': update, ...rest } = codes;
  expect(update).toBe('not_found');
  expect(rest).toEqual(Object.fromEntries(Object.keys(rest).map(name => [name, 'invalid'])));
  expect(await device.all('note')).toEqual([]);
  expect((await device.info()).pending).toBe(0);
});

test('a record wrong by itself is set aside with its problem, and the rest flows', async ({ server, context }) => {
  const device = await Device.open(context, server, 'alice');
  await device.create('note', [{ text: 'good' }]);
  const huge = await device.create('note', [{ text: 'x'.repeat(9_000_000) }]);
  const report = await device.sync();
  expect(report.rejected).toBe(1);
  const pending = await device.page.evaluate(async () => (await window.db.pending()).map(({ key, state, problem }) => ({ key, state, code: problem?.code })));
  expect(pending).toEqual([{ key: huge[0], state: 'rejected', code: 'too_large' }]);
  expect((await server.truth('alice')).map(record => record.value)).toEqual([{ text: 'good' }]);

  await device.page.evaluate(async key => void (await window.db.collection('note').put(key, { text: 'mended' } as never)), huge[0]!);
  expect((await device.sync()).in_sync).toBe(true);
  expect(await server.truth('alice')).toHaveLength(2);
});
