/** Any records, whatever their kind: a long table that is quick at any length, searched by prefix. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { Search } from 'lucide-react';
import { useDeferredValue, useEffect, useRef, useState } from 'react';
import type { Doc, Query } from 'tidemark';
import { useQuery } from 'tidemark/react';
import { Link, Redirect } from 'wouter';
import { useEntities } from '../entities';
import { usePages } from '../pages';
import { searchField } from '../sync';
import { number, plural } from '../words';
import { PendingMark } from './PendingMark';
import { RecordDialog } from './RecordDialog';

const ROW_PX = 44;
const COLUMNS_MAX = 6;

export function RecordsView({ entity }: { entity: string | undefined }) {
  const entities = useEntities();
  if (!entities) return null;
  if (!entity) {
    const first = entities[0];
    return first ? <Redirect to={`/records/${encodeURIComponent(first.entity)}`} replace /> : <Nothing />;
  }
  return (
    <section className="page records" aria-labelledby="records-title">
      <header className="page-head">
        <h1 id="records-title">Records</h1>
        <nav className="tabs" aria-label="Kinds of record">
          {entities.map((one) => (
            <Link key={one.entity} href={`/records/${encodeURIComponent(one.entity)}`}
              className={one.entity === entity ? 'tab current' : 'tab'} {...(one.entity === entity && { 'aria-current': 'page' as const })}>
              {one.entity} <span className="count">{number(one.count)}</span>
            </Link>
          ))}
        </nav>
      </header>
      <Browser key={entity} entity={entity} />
    </section>
  );
}

function Nothing() {
  return (
    <section className="page records">
      <h1>Records</h1>
      <div className="empty"><p>No records yet. Write down something to do, or <Link href="/files">import a file</Link>.</p></div>
    </section>
  );
}

function Browser({ entity }: { entity: string }) {
  const columns = useColumns(entity);
  const field = searchField(entity) ?? columns[0];
  const [typed, setTyped] = useState('');
  const prefix = useDeferredValue(typed);
  const query: Query = prefix && field ? { where: { [field]: { startsWith: prefix } }, orderBy: [field] } : {};
  const { total, row, look } = usePages(entity, query);
  const [shown, setShown] = useState<Doc>();
  return (
    <>
      <div className="toolbar">
        <label className="search">
          <Search aria-hidden size={18} />
          <input id="search" type="search" value={typed} onChange={(event) => setTyped(event.target.value)}
            placeholder={field ? `${field} begins with…` : 'Search'} aria-label={field ? `Search by ${field}` : 'Search'} disabled={!field} />
        </label>
        <p className="summary" role="status" data-testid="record-count">{total === undefined ? '' : plural(total, 'record')}</p>
      </div>
      {total === 0 && <div className="empty"><p>{prefix ? `Nothing begins with “${prefix}”. Capitals count.` : 'No records of this kind.'}</p></div>}
      {total ? <Table columns={columns} total={total} row={row} look={look} onShow={setShown} /> : null}
      <RecordDialog doc={shown} onClose={() => setShown(undefined)} />
    </>
  );
}

interface TableProps {
  columns: string[];
  total: number;
  row(at: number): Doc | undefined;
  look(first: number, last: number): void;
  onShow(doc: Doc): void;
}

function Table({ columns, total, row, look, onShow }: TableProps) {
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: total, getScrollElement: () => frame.current, estimateSize: () => ROW_PX, overscan: 12 });
  const items = rows.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  useEffect(() => look(first, last), [first, last, look, total]);
  const template = { '--columns': columns.length || 1 } as React.CSSProperties;
  return (
    <div className="table" ref={frame} role="table" aria-label="Records" aria-rowcount={total + 1} style={template} tabIndex={0}>
      <div className="table-row head" role="row">
        {(columns.length ? columns : ['value']).map((name) => <span role="columnheader" key={name}>{name}</span>)}
        <span role="columnheader"><span className="visually-hidden">State</span></span>
      </div>
      <div role="rowgroup" style={{ height: rows.getTotalSize(), position: 'relative' }}>
        {items.map(({ index, start }) => {
          const doc = row(index);
          return (
            <div key={index} className="table-row" role="row" aria-rowindex={index + 2} style={{ transform: `translateY(${start}px)` }}
              onClick={() => doc && onShow(doc)}>
              {doc ? <Cells doc={doc} columns={columns} /> : <span className="loading" role="cell">…</span>}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Cells({ doc, columns }: { doc: Doc; columns: string[] }) {
  const value = doc.value as Record<string, unknown>;
  const texts = columns.length ? columns.map((name) => show(value?.[name])) : [show(doc.value)];
  return (
    <>
      {texts.map((text, at) => (
        <span role="cell" key={at} title={text}>
          {at === 0 ? <button className="row-open">{text || '(empty)'}</button> : text}
        </span>
      ))}
      <span role="cell" className="state-cell"><PendingMark state={doc.state} /></span>
    </>
  );
}

/** The fields of the first records, those that name a thing first. */
function useColumns(entity: string): string[] {
  const sample = useQuery(entity, { limit: 20 }) ?? [];
  const names = new Set<string>();
  for (const { value } of sample) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (const name of Object.keys(value)) names.add(name);
  }
  const lead = ['title', 'name'].filter((name) => names.has(name));
  return [...new Set([...lead, ...names])].slice(0, COLUMNS_MAX);
}

function show(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
