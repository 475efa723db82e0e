/** Files in and out: choose one to import, see imports on their way, take an entity with you. */
import { Download, FileUp } from 'lucide-react';
import { useRef, useState, type DragEvent } from 'react';
import type { Doc } from 'tidemark';
import { useQuery } from 'tidemark/react';
import { Link } from 'wouter';
import { useEntities } from '../entities';
import { download, exportEntity, type ExportFormat } from '../export';
import { preview, type Preview } from '../import/rows';
import { useSession } from '../live';
import type { Import } from '../model';
import { explain, number, plural } from '../words';
import { ImportDialog } from './ImportDialog';
import { useToast } from './Toasts';

export interface Chosen extends Preview {
  file: File;
}

export function ShareView() {
  const [chosen, setChosen] = useState<Chosen>();
  const [problem, setProblem] = useState<string>();
  const choose = (file: File | undefined) => {
    if (!file) return;
    setProblem(undefined);
    preview(file.name, file).then(
      (found) => setChosen({ file, ...found }),
      (error: unknown) => setProblem(`“${file.name}” cannot be imported. ${error instanceof Error ? error.message : ''}`),
    );
  };
  return (
    <section className="page share" aria-labelledby="share-title">
      <header className="page-head">
        <h1 id="share-title">Import &amp; export</h1>
        <p className="summary">Files become records on this device first, and sync when they can.</p>
      </header>
      <DropZone onFile={choose} />
      {problem && <p className="notice trouble" role="alert">{problem}</p>}
      <Imports />
      <Exports />
      <ImportDialog chosen={chosen} onClose={() => setChosen(undefined)} />
    </section>
  );
}

function DropZone({ onFile }: { onFile(file: File | undefined): void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFile(event.dataTransfer.files[0]);
  };
  return (
    <div className={over ? 'drop over' : 'drop'} onDrop={drop} onDragLeave={() => setOver(false)}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}>
      <FileUp aria-hidden size={28} />
      <p><strong>Drop a file here</strong> or choose one: JSON, JSON lines or CSV, of any length.</p>
      <button className="button primary" onClick={() => input.current?.click()}>Choose a file</button>
      <input ref={input} type="file" className="visually-hidden" tabIndex={-1} aria-label="File to import"
        accept=".json,.jsonl,.ndjson,.csv,.tsv,application/json,text/csv"
        onChange={(event) => {
          onFile(event.target.files?.[0]);
          event.target.value = '';
        }} />
    </div>
  );
}

function Imports() {
  const imports = useQuery<Import>('import', { orderBy: ['-created'], limit: 20 }) ?? [];
  if (imports.length === 0) return null;
  return (
    <section aria-labelledby="imports-title">
      <h2 id="imports-title">Imports</h2>
      <ul className="cards">{imports.map((record) => <ImportCard key={record.handle} record={record} />)}</ul>
    </section>
  );
}

function ImportCard({ record }: { record: Doc<Import> }) {
  const { importer } = useSession();
  const { file_name, entity, position, skipped, first_problem, part, state, problem } = record.value;
  const made = position - skipped;
  return (
    <li className={`card import ${state}`} data-testid="import">
      <div className="card-head">
        <strong>{file_name}</strong>
        <span className="tag">{entity}</span>
        <span className="card-state">{state === 'running' ? `${Math.floor(part * 100)} %` : state === 'done' ? 'Done' : 'Stopped'}</span>
      </div>
      {state === 'running' && <progress max={1} value={part} aria-label={`Import of ${file_name}`} />}
      <p className="hint">
        {plural(made, 'record')}{skipped > 0 && `, ${plural(skipped, 'row')} left out`}
        {state === 'running' && '. You may close this page: it goes on when you are back.'}
      </p>
      {first_problem && <p className="problem">{first_problem}</p>}
      {problem && <p className="problem">{problem}</p>}
      <div className="buttons">
        {made > 0 && <Link className="button small" href={`/records/${encodeURIComponent(entity)}`}>See the records</Link>}
        {state === 'running' && <button className="button small" onClick={() => void importer.abandon(record)}>Stop</button>}
      </div>
    </li>
  );
}

function Exports() {
  const { database } = useSession();
  const entities = useEntities() ?? [];
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const save = (entity: string, format: ExportFormat) => {
    setBusy(true);
    exportEntity(database, entity, format)
      .then((content) => download(content, `${entity}.${format}`), (error: unknown) => toast({ text: explain(error).help }))
      .finally(() => setBusy(false));
  };
  return (
    <section aria-labelledby="exports-title">
      <h2 id="exports-title">Export</h2>
      {entities.length === 0 && <p className="hint">There is nothing to export yet.</p>}
      <ul className="rows">
        {entities.map(({ entity, count }) => (
          <li key={entity}>
            <span className="row-name">{entity}</span>
            <span className="hint">{number(count)}</span>
            {(['json', 'csv'] as const).map((format) => (
              <button key={format} className="button small" disabled={busy} onClick={() => save(entity, format)}
                aria-label={`Export ${entity} as ${format.toUpperCase()}`}>
                <Download aria-hidden size={15} /> {format.toUpperCase()}
              </button>
            ))}
          </li>
        ))}
      </ul>
    </section>
  );
}
