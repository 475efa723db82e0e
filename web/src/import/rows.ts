/**
 * The rows of a file, a few hundred at a time, so that a large file needs little memory.
 * Reads CSV (by Papa Parse), JSON lines and JSON arrays. Knows nothing of records.
 */
import Papa from 'papaparse';
import type { Json } from 'tidemark';
import { entityOf, fieldsOf, type Format, type Plan } from './plan';

/** A row, or why it could not be read. */
export type Row = { value: Json } | { problem: string };

/** Some rows, and the part of the file (0 to 1) that ends with them. */
export interface Slice {
  rows: Row[];
  part: number;
}

/** What the beginning of a file shows. */
export interface Preview {
  plan: Plan;
  rows: Json[];
  /** How many rows there are, where that is known without reading the whole file. */
  total?: number;
}

const PREVIEW_BYTES = 256 * 1024;
const PREVIEW_ROWS = 200;
/** A JSON array has to be read whole; above this, JSON lines are the way. */
const ARRAY_BYTES_MAX = 256 * 1024 * 1024;

/** Looks at the beginning of a file and suggests how to import it. */
export async function preview(name: string, content: Blob): Promise<Preview> {
  const start = await content.slice(0, PREVIEW_BYTES).text();
  if (start.trim() === '') throw new Error('The file is empty.');
  const format = formatOf(name, start);
  const plan: Plan = { entity: entityOf(name), format, fields: [] };
  if (format === 'csv') {
    const { meta } = Papa.parse<string[]>(start, { preview: PREVIEW_ROWS });
    plan.delimiter = meta.delimiter;
    plan.newline = meta.linebreak as '\n' | '\r' | '\r\n';
  }
  const all = format === 'json' ? await readArray(content) : undefined;
  const rows: Json[] = all?.slice(0, PREVIEW_ROWS) ?? [];
  if (!all) {
    for await (const slice of rowsOf(content, plan, PREVIEW_ROWS)) {
      for (const row of slice.rows) if ('value' in row) rows.push(row.value);
      break;
    }
  }
  if (rows.length === 0) throw new Error('No row of the file could be read. Is it JSON, JSON lines or CSV?');
  plan.fields = fieldsOf(rows, format);
  return { plan, rows, ...(all && { total: all.length }) };
}

/** All rows of a file, `size` at a time. */
export async function* rowsOf(content: Blob, plan: Plan, size: number): AsyncGenerator<Slice> {
  const pieces = plan.format === 'csv' ? csvPieces(content, plan)
    : plan.format === 'json' ? arrayPieces(content, size) : linePieces(content);
  let rows: Row[] = [];
  let part = 0;
  for await (const piece of pieces) {
    const before = part;
    part = piece.part;
    let taken = 0;
    while (rows.length + piece.rows.length - taken >= size) {
      const more = piece.rows.slice(taken, taken + size - rows.length);
      taken += more.length;
      yield { rows: [...rows, ...more], part: before + ((part - before) * taken) / piece.rows.length };
      rows = [];
    }
    rows.push(...piece.rows.slice(taken));
  }
  if (rows.length > 0) yield { rows, part: 1 };
}

function formatOf(name: string, start: string): Format {
  if (/\.(csv|tsv|tab)$/i.test(name)) return 'csv';
  const first = start.trimStart()[0];
  if (first === '[') return 'json';
  return first === '{' || /\.(jsonl|ndjson|json)$/i.test(name) ? 'lines' : 'csv';
}

async function readArray(content: Blob): Promise<Json[]> {
  if (content.size > ARRAY_BYTES_MAX) {
    throw new Error('A JSON array of this size cannot be read at once. Save it as JSON lines, one record a line.');
  }
  let value: Json;
  try {
    value = JSON.parse(await content.text()) as Json;
  } catch (error) {
    throw new Error(`The file is not JSON: ${(error as Error).message}`, { cause: error });
  }
  if (!Array.isArray(value)) throw new Error('The file holds one JSON value; an array of records is wanted.');
  return value;
}

async function* arrayPieces(content: Blob, size: number): AsyncGenerator<Slice> {
  const values = await readArray(content);
  for (let at = 0; at < values.length; at += size) {
    const rows = values.slice(at, at + size).map((value) => ({ value }));
    yield { rows, part: (at + rows.length) / values.length };
  }
}

/** Text as it comes, with the part of the file read; the decoder keeps letters whole across pieces. */
async function* textPieces(content: Blob): AsyncGenerator<{ text: string; part: number; last: boolean }> {
  const decoder = new TextDecoder();
  const reader = content.stream().getReader();
  for (let read = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    read += value.byteLength;
    yield { text: decoder.decode(value, { stream: true }), part: read / content.size, last: false };
  }
  yield { text: decoder.decode(), part: 1, last: true };
}

async function* linePieces(content: Blob): AsyncGenerator<Slice> {
  let rest = '';
  let number = 0;
  for await (const { text, part, last } of textPieces(content)) {
    const lines = (rest + text).split('\n');
    rest = last ? '' : (lines.pop() ?? '');
    const rows: Row[] = [];
    for (const line of lines) {
      number += 1;
      if (line.trim() !== '') rows.push(readLine(line, number));
    }
    yield { rows, part };
  }
}

function readLine(line: string, number: number): Row {
  try {
    return { value: JSON.parse(line) as Json };
  } catch (error) {
    return { problem: `Line ${number}: ${(error as Error).message}` };
  }
}

async function* csvPieces(content: Blob, plan: Plan): AsyncGenerator<Slice> {
  const parser = new Papa.Parser({ delimiter: plan.delimiter ?? ',', newline: plan.newline ?? '\n' });
  let rest = '';
  let header: string[] | undefined;
  for await (const { text, part, last } of textPieces(content)) {
    rest += text;
    const { data, meta } = parser.parse(rest, 0, !last) as Papa.ParseResult<string[]>;
    rest = rest.slice(meta.cursor);
    const lines = data.filter((line) => line.length > 1 || (line[0] ?? '').trim() !== '');
    header ??= unique(lines.shift());
    yield { rows: lines.map((line) => ({ value: named(header ?? [], line) })), part };
  }
}

/** The header's names, a second of the same name told apart by its place. */
function unique(names: string[] | undefined): string[] | undefined {
  const seen = new Set<string>();
  return names?.map((raw, at) => {
    const name = raw.trim() || `column_${at + 1}`;
    const free = seen.has(name) ? `${name}_${at + 1}` : name;
    seen.add(free);
    return free;
  });
}

/** A line under its header; a cell past the header gets a name of its own rather than being lost. */
function named(header: string[], line: string[]): Record<string, string> {
  return Object.fromEntries(line.map((cell, at) => [header[at] ?? `column_${at + 1}`, cell]));
}
