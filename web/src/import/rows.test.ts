/** The importer's reading: every row of every format, however the file is cut, as what it is. */
import { describe, expect, it } from 'vitest';
import { entityOf, planProblem, valueOf, type Plan } from './plan';
import { preview, rowsOf } from './rows';

/** All values that a file's rows become under the plan that its beginning suggests. */
async function values(name: string, content: string, size = 3): Promise<unknown[]> {
  const blob = new Blob([content]);
  const { plan } = await preview(name, blob);
  const found: unknown[] = [];
  for await (const { rows } of rowsOf(blob, plan, size)) {
    expect(rows.length).toBeLessThanOrEqual(size);
    for (const row of rows) found.push('value' in row ? valueOf(row.value, plan) : row.problem);
  }
  return found;
}

/** A blob whose stream comes a few bytes at a time, so that letters and quotes are cut anywhere. */
function dripping(content: string, step: number): Blob {
  const bytes = new TextEncoder().encode(content);
  const blob = new Blob([bytes]);
  blob.stream = () => {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, at + step));
        at += step;
      },
    });
  };
  return blob;
}

describe('entityOf', () => {
  it('takes the stem of the file name', () => {
    expect(entityOf('City.json')).toBe('city');
    expect(entityOf('my cities (2).csv')).toBe('my_cities_2');
    expect(entityOf('.csv')).toBe('record');
  });
});

describe('JSON', () => {
  it('gives each element of an array as it is', async () => {
    const rows = [{ a: 1, nested: { b: [1, 2] } }, { __proto__x: 1 }, 'text', null, 1.5];
    expect(await values('x.json', JSON.stringify(rows))).toEqual(rows);
  });

  it('keeps a member called __proto__ a member', async () => {
    const [value] = (await values('x.json', '[{"__proto__": {"a": 1}, "b": 2}]')) as object[];
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":1},"b":2}');
  });

  it('reads JSON lines and names the line that is none', async () => {
    const found = await values('x.jsonl', '{"a":1}\n\n{"a":\n{"a":3}\r\n');
    expect(found[0]).toEqual({ a: 1 });
    expect(found[1]).toMatch(/^Line 3: /);
    expect(found[2]).toEqual({ a: 3 });
  });

  it('says what is wrong with a file that cannot be read', async () => {
    await expect(preview('x.json', new Blob(['']))).rejects.toThrow('empty');
    await expect(preview('x.json', new Blob(['[1, 2']))).rejects.toThrow('not JSON');
  });
});

describe('CSV', () => {
  it('takes numbers for numbers only where nothing is lost', async () => {
    const csv = 'name,population,phone,id,open\nOslo,709037,0047,12345678901234567890,true\nBergen,,0048,2,false\n';
    expect(await values('x.csv', csv)).toEqual([
      { name: 'Oslo', population: 709037, phone: '0047', id: '12345678901234567890', open: true },
      { name: 'Bergen', phone: '0048', id: '2', open: false },
    ]);
  });

  it('finds semicolons, quotes, line ends within quotes, and cells without a header', async () => {
    const csv = '\uFEFFa;a;b\r\n"x;1";2;"two\r\nlines"\r\n"say ""hi""";4;5;6\r\n';
    expect(await values('x.csv', csv)).toEqual([
      { a: 'x;1', a_2: 2, b: 'two\r\nlines' },
      { a: 'say "hi"', a_2: 4, b: '5', column_4: 6 },
    ]);
  });

  it('reads the same however the stream is cut', async () => {
    const rows = Array.from({ length: 40 }, (_, at) => [`Ærø ${at}`, `"a, ""b""\n${'漢'.repeat(at)}"`]);
    const csv = ['name,text', ...rows.map((row) => row.join(','))].join('\n');
    const plan: Plan = { entity: 'x', format: 'csv', fields: [], delimiter: ',', newline: '\n' };
    for (const step of [1, 2, 3, 7, 64, 100_000]) {
      const found: unknown[] = [];
      for await (const slice of rowsOf(dripping(csv, step), plan, 7)) found.push(...slice.rows);
      expect(found).toEqual(rows.map(([name], at) => ({ value: { name, text: `a, "b"\n${'漢'.repeat(at)}` } })));
    }
  });
});

describe('plan', () => {
  const plan: Plan = {
    entity: 'x',
    format: 'csv',
    fields: [
      { from: 'a', to: 'b', use: true, as: 'number' },
      { from: 'c', to: 'c', use: false, as: 'keep' },
    ],
  };

  it('renames, converts and leaves out', () => {
    expect(valueOf({ a: '1.5', c: 'gone', d: 'kept' }, plan)).toEqual({ b: 1.5, d: 'kept' });
    expect(valueOf({ a: 'n/a' }, plan)).toEqual({ b: 'n/a' });
  });

  it('refuses two columns under one name', () => {
    const clash = plan.fields.map((field) => ({ ...field, to: 'b', use: true }));
    expect(planProblem({ ...plan, fields: clash })).toContain('“b”');
    expect(planProblem({ ...plan, entity: ' ' })).toBeTruthy();
    expect(planProblem(plan)).toBeUndefined();
  });
});
