/** What two devices changed without knowing of each other: both sides by field, and a person's word on it. */
import { Check, PencilLine } from 'lucide-react';
import { useId, useState, type SyntheticEvent } from 'react';
import type { Choice, Conflict, Json } from 'tidemark';
import { useConflicts, useDoc } from 'tidemark/react';
import { deviceName, isObject, rowsOf, shown, stands, typed, valueBefore, type Known, type Row, type Side } from '../conflicts';
import { useHistory } from '../history';
import { useLive, useNow, useSession } from '../live';
import { ago, explain, plural } from '../words';
import { useToast } from './Toasts';

export function ConflictsView() {
  const conflicts = useConflicts();
  return (
    <section className="page conflicts" aria-labelledby="conflicts-title">
      <header className="page-head">
        <h1 id="conflicts-title">Conflicts</h1>
        <p className="summary" role="status">{conflicts && summary(conflicts.length)}</p>
      </header>
      {conflicts?.length === 0 && (
        <div className="empty">
          <div className="empty-drawing" aria-hidden />
          <p>Where two devices change the same thing without a network, both versions are kept and wait here for you.</p>
        </div>
      )}
      {conflicts?.map((conflict) => <ConflictWithDoc key={conflict.id} conflict={conflict} />)}
    </section>
  );
}

function summary(count: number): string {
  return count === 0 ? 'Nothing to settle' : `${plural(count, 'change')} made in two places; say which one holds`;
}

/** Shown once it is known how the record is here, and which device this is. */
function ConflictWithDoc({ conflict }: { conflict: Conflict }) {
  const doc = useDoc(conflict.entity, conflict.key);
  const me = useLive('me', (database) => database.info()).answer?.device_uuid;
  return doc === undefined || me === undefined ? null : <ConflictCard known={{ conflict, doc, me }} />;
}

function ConflictCard({ known }: { known: Known }) {
  const { conflict } = known;
  const { database } = useSession();
  const toast = useToast();
  const title = useId();
  const [editing, setEditing] = useState(false);
  const { versions } = useHistory(conflict.key, conflict.checkin);
  const rows = rowsOf(conflict, valueBefore(conflict, versions ?? []));
  const settle = (choice: Choice) => {
    database.resolve(conflict.id, choice).then(
      () => toast({ text: 'Settled. Your other devices will follow.' }),
      (error: unknown) => toast({ text: explain(error).help }),
    );
  };
  return (
    <article className="conflict" aria-labelledby={title} data-testid="conflict">
      <header>
        <h2 id={title}>{labelOf(known)}</h2>
        <span className="tag">{conflict.entity}</span>
        <p className="hint">{sentence(conflict)}</p>
      </header>
      <Sides known={known} rows={rows} hasBefore={versions !== undefined} />
      {editing
        ? <Editor known={known} rows={rows} onSave={(value) => settle({ value })} onCancel={() => setEditing(false)} />
        : (
          <div className="buttons end">
            <button className="button" onClick={() => setEditing(true)}><PencilLine aria-hidden size={17} /> Edit…</button>
            {SIDES.map((side) => (
              <button key={side} className={stands(known, side) ? 'button primary' : 'button'} onClick={() => settle(side)}>
                {stands(known, side) && <Check aria-hidden size={17} />} {actionOf(known, side)}
              </button>
            ))}
          </div>
        )}
    </article>
  );
}

const SIDES: readonly Side[] = ['truth', 'device'];

interface SidesProps {
  known: Known;
  rows: Row[];
  hasBefore: boolean;
}

function Sides({ known, rows, hasBefore }: SidesProps) {
  const { conflict, me } = known;
  const now = useNow();
  const told = { truth: conflict.truth_device, device: conflict.device_uuid };
  const times = { truth: conflict.truth_updated, device: conflict.device_updated };
  const isEither = SIDES.some((side) => stands(known, side));
  const stateOf = (side: Side) => (isEither ? (stands(known, side) ? 'stands now' : 'set aside') : '');
  const head = (side: Side) => {
    const state = stateOf(side);
    const time = times[side];
    return (
      <th scope="col" key={side}>
        <span className="side-name">{deviceName(told[side], me)}</span>
        <span className="hint">{[state, time && ago(time, now)].filter(Boolean).join(', ')}</span>
      </th>
    );
  };
  const cell = (side: Side, row: Row) => (
    <td key={side} className={stands(known, side) ? `${side} stands` : side} data-label={[deviceName(told[side], me), stateOf(side)].filter(Boolean).join(' · ')}>
      {conflict.deleted === side ? <em>deleted</em> : row[side] === undefined ? <em>removed</em> : shown(row[side])}
    </td>
  );
  return (
    <table className="sides">
      <thead>
        <tr>
          <th scope="col"><span className="visually-hidden">Field</span></th>
          {hasBefore && <th scope="col"><span className="side-name">Before</span></th>}
          {SIDES.map(head)}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.field}>
            <th scope="row">{row.field}</th>
            {hasBefore && <td className="before" data-label="Before">{row.before === undefined ? <em>nothing</em> : shown(row.before)}</td>}
            {SIDES.map((side) => cell(side, row))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface EditorProps {
  known: Known;
  rows: Row[];
  onSave(value: Json): void;
  onCancel(): void;
}

/** A version of one's own: a line for each field in question, over the record as it is. */
function Editor({ known: { conflict, doc }, rows, onSave, onCancel }: EditorProps) {
  const id = useId();
  const [complaint, setComplaint] = useState<string>();
  const whole = doc?.value ?? conflict.truth ?? conflict.device;
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const texts = new FormData(event.currentTarget);
    try {
      const values = rows.map((row) => [row.field, typed(String(texts.get(row.field) ?? ''), row)] as const);
      const [only] = values;
      onSave(isObject(whole) ? { ...whole, ...Object.fromEntries(values) } : (only?.[1] ?? null));
    } catch (error) {
      setComplaint(`This is not JSON yet: ${(error as Error).message}`);
    }
  };
  return (
    <form className="conflict-edit" onSubmit={submit} onKeyDown={(event) => event.key === 'Escape' && onCancel()}>
      {rows.map((row, at) => (
        <div key={row.field}>
          <label htmlFor={`${id}-${at}`}>{row.field}</label>
          <input id={`${id}-${at}`} name={row.field} className="field" autoFocus={at === 0} autoComplete="off"
            defaultValue={shown(row.device ?? row.truth)} />
        </div>
      ))}
      {complaint && <p className="problem" role="alert">{complaint}</p>}
      <div className="buttons end">
        <button type="button" className="button" onClick={onCancel}>Cancel</button>
        <button className="button primary"><Check aria-hidden size={17} /> Keep this</button>
      </div>
    </form>
  );
}

function sentence({ deleted, fields }: Conflict): string {
  if (deleted) return 'One device deleted it while another changed it.';
  return fields.length === 1 ? 'Two devices changed this at the same time.' : 'Two devices changed these at the same time.';
}

function actionOf(known: Known, side: Side): string {
  const { conflict, me } = known;
  if (conflict.deleted) return conflict.deleted === side ? 'Delete it' : 'Keep it';
  const [own, other] = side === 'truth' ? [conflict.truth_device, conflict.device_uuid] : [conflict.device_uuid, conflict.truth_device];
  if (own === me) return 'Keep mine';
  if (other === me) return 'Keep theirs';
  return stands(known, side) ? 'Leave it so' : 'Take this instead';
}

/** The words by which a person knows the record. */
function labelOf({ conflict, doc }: Known): string {
  for (const value of [doc?.value, conflict.truth, conflict.device]) {
    const name = isObject(value) ? (value['title'] ?? value['name'] ?? value['file_name']) : value;
    if (typeof name === 'string' && name) return name;
  }
  return conflict.key;
}
