/** How the rows of a file become values: which fields, under which names, as what. Pure. */
import type { Json } from 'tidemark';

export type Format = 'csv' | 'json' | 'lines';

/** One column of the file. */
export interface Field {
  /** Its name in the file. */
  from: string;
  /** The field's name in the record. */
  to: string;
  use: boolean;
  as: 'keep' | 'number' | 'boolean';
}

export interface Plan {
  entity: string;
  format: Format;
  fields: Field[];
  /** CSV only: as found in the file's beginning. */
  delimiter?: string;
  newline?: '\n' | '\r' | '\r\n';
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** The entity that a file's name suggests: `City.json` is `city`. */
export function entityOf(fileName: string): string {
  const stem = fileName.replace(/\.[^.]*$/, '').toLowerCase();
  return stem.replace(/[^\p{L}\p{N}]+/gu, '_').replace(/^_+|_+$/g, '') || 'record';
}

/** The fields of some rows, in the order first seen; text that is always a number is taken for one. */
export function fieldsOf(rows: Json[], format: Format): Field[] {
  const names = new Set<string>();
  for (const row of rows) if (isObject(row)) for (const name of Object.keys(row)) names.add(name);
  return [...names].map((name) => ({
    from: name,
    to: name,
    use: true,
    as: format === 'csv' ? guess(rows, name) : 'keep',
  }));
}

/** The value that a row becomes. What is no object, or has a field the plan does not name, passes as it is. */
export function valueOf(row: Json, plan: Plan): Json {
  if (!isObject(row) || plan.fields.every(isPlain)) return row;
  const known = new Map(plan.fields.map((field) => [field.from, field]));
  const entries: [string, Json][] = [];
  for (const [name, value] of Object.entries(row)) {
    const field = known.get(name);
    if (!field) entries.push([name, value]);
    else if (field.use && !isEmptyNumber(field, value)) entries.push([field.to, convert(value, field.as)]);
  }
  // fromEntries defines members, so that a column called `__proto__` is a member like any other
  return Object.fromEntries(entries);
}

/** What keeps a plan from being carried out, in words; nothing if it can be. */
export function planProblem(plan: Plan): string | undefined {
  if (!plan.entity.trim()) return 'Say what kind of record the rows are.';
  const names = plan.fields.filter((field) => field.use).map((field) => field.to);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) return `Two columns would both become “${twice}”. Give one another name.`;
  if (plan.fields.length > 0 && names.length === 0) return 'Choose at least one column.';
  return undefined;
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlain(field: Field): boolean {
  return field.use && field.from === field.to && field.as === 'keep';
}

/** An empty cell of a number or yes/no column is a missing field, not a text. */
function isEmptyNumber(field: Field, value: Json): boolean {
  return field.as !== 'keep' && value === '';
}

function guess(rows: Json[], name: string): Field['as'] {
  const values = rows.flatMap((row) => (isObject(row) && row[name] !== undefined ? [row[name]] : []));
  const told = values.filter((value): value is string => typeof value === 'string' && value !== '');
  if (told.length === 0) return 'keep';
  if (told.every(isSafeNumber)) return 'number';
  return told.every((value) => value === 'true' || value === 'false') ? 'boolean' : 'keep';
}

/** Whether a text is a number that comes back as the same text: a phone number or a long id is not. */
function isSafeNumber(text: string): boolean {
  return NUMBER.test(text) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(Number(text)));
}

function convert(value: Json, as: Field['as']): Json {
  if (typeof value !== 'string' || as === 'keep') return value;
  if (as === 'number') return isSafeNumber(value.trim()) ? Number(value) : value;
  const word = value.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word === 'true' : value;
}
