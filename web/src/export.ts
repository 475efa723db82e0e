/** Writes an entity's records to a file: JSON or CSV, as the importer reads them. */
import Papa from 'papaparse';
import type { Database } from 'tidemark';

const ROWS_PER_PART = 1000;

export type ExportFormat = 'json' | 'csv';

/** The values of all records of `entity` as a file's content. */
export async function exportEntity(database: Database, entity: string, format: ExportFormat): Promise<Blob> {
  return format === 'json' ? exportJson(database, entity) : exportCsv(database, entity);
}

/** Hands a file to the person. */
export function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // the browser has taken its own hold of the content by the next task
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function exportJson(database: Database, entity: string): Promise<Blob> {
  const parts: string[] = [];
  let lines: string[] = [];
  let separator = '[\n';
  for await (const doc of database.collection(entity).each()) {
    lines.push(separator + JSON.stringify(doc.value));
    separator = ',\n';
    if (lines.length === ROWS_PER_PART) {
      parts.push(lines.join(''));
      lines = [];
    }
  }
  parts.push(lines.join(''), separator === '[\n' ? '[]\n' : '\n]\n');
  return new Blob(parts, { type: 'application/json' });
}

async function exportCsv(database: Database, entity: string): Promise<Blob> {
  const columns = new Set<string>();
  const rows: Record<string, unknown>[] = [];
  for await (const doc of database.collection(entity).each()) {
    const row = isObject(doc.value) ? doc.value : { value: doc.value };
    for (const name of Object.keys(row)) columns.add(name);
    rows.push(row);
  }
  const fields = [...columns];
  const data = rows.map((row) => fields.map((name) => (Object.hasOwn(row, name) ? cell(row[name]) : '')));
  return new Blob([Papa.unparse({ fields, data }), '\n'], { type: 'text/csv' });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function cell(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
