/** One record as it is: its state, its problem if it has one, its value to read, mend or delete. */
import { History, RotateCw, Undo2 } from 'lucide-react';
import { useState } from 'react';
import type { Doc, Json } from 'tidemark';
import { canBeSentAgain, sendAgain } from '../aside';
import { HistoryList } from './HistoryList';
import { useSession } from '../live';
import { asideReason, explain } from '../words';
import { Dialog } from './Dialog';

const STATES: Record<Doc['state'], string> = {
  synced: 'In sync',
  created: 'New, waiting to be sent',
  updated: 'Changed, waiting to be sent',
  deleted: 'Deleted, waiting to be told to the server',
  rejected: 'Set aside',
};

/** What undo does to a record that the server does not have so. */
const UNDO: Partial<Record<Doc['state'], string>> = {
  created: 'Undo: take it back',
  updated: 'Undo the change',
  deleted: 'Undo the deletion',
  rejected: 'Drop',
};

interface Props {
  doc: Doc | undefined;
  /** It stands for a deletion that was set aside. */
  isDeletion?: boolean;
  onClose(): void;
}

export function RecordDialog({ doc, isDeletion = false, onClose }: Props) {
  return (
    <Dialog title={doc ? `Record of ${doc.entity}` : 'Record'} open={doc !== undefined} onClose={onClose} wide>
      {doc && <Content key={doc.handle} doc={doc} isDeletion={isDeletion} onClose={onClose} />}
    </Dialog>
  );
}

function Content({ doc, isDeletion, onClose }: { doc: Doc; isDeletion: boolean; onClose(): void }) {
  const { database } = useSession();
  const [text, setText] = useState(() => JSON.stringify(doc.value, undefined, 2) ?? '');
  const [complaint, setComplaint] = useState<string>();
  const [showHistory, setShowHistory] = useState(false);
  const records = database.collection(doc.entity);
  const attempt = (work: Promise<unknown>) => {
    work.then(onClose, (error: unknown) => setComplaint(explain(error).help));
  };
  const save = () => {
    let value: Json;
    try {
      value = JSON.parse(text) as Json;
    } catch (error) {
      setComplaint(`This is not JSON yet: ${(error as Error).message}`);
      return;
    }
    attempt(records.put(doc.key, value));
  };
  const gone = doc.state === 'deleted' || isDeletion;
  const isFine = canBeSentAgain(doc);
  const undo = doc.state !== 'synced' && (
    <button className="button" onClick={() => attempt(records.undo(doc.key))}>
      <Undo2 aria-hidden size={17} /> {UNDO[doc.state] ?? 'Undo'}
    </button>
  );
  return (
    <div className="record">
      {doc.problem && (
        <div className={isFine ? 'notice kept' : 'notice trouble'} role="alert">
          <div>
            <strong>{isFine ? 'Kept for you to decide' : 'The server did not take this record'}</strong>
            <p>{asideReason(doc)}{isFine && ' Nothing is lost: send it once more, on top of what is there now, or drop it.'}</p>
          </div>
        </div>
      )}
      <dl className="facts">
        <div><dt>State</dt><dd>{STATES[doc.state]}{isDeletion && doc.state === 'rejected' && ': a deletion'}</dd></div>
        <div><dt>Key</dt><dd><code>{doc.key}</code>{doc.is_pending && <span className="tag">temporary</span>}</dd></div>
        <div><dt>Created</dt><dd>{when(doc.created)}</dd></div>
        <div><dt>Changed</dt><dd>{when(doc.updated)}</dd></div>
      </dl>
      {!gone && (
        <>
          <label htmlFor="record-value">Value</label>
          <textarea id="record-value" className="field code" rows={8} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
        </>
      )}
      {showHistory
        ? <HistoryList doc={doc} onBringBack={(value) => attempt(records.put(doc.key, value))} />
        : <button className="button small" onClick={() => setShowHistory(true)}><History aria-hidden size={16} /> History</button>}
      {complaint && <p className="problem" role="alert">{complaint}</p>}
      <div className="buttons end">
        {undo}
        {isFine && (
          <button className="button" onClick={() => attempt(sendAgain(database, [{ doc, isDeletion }]))}>
            <RotateCw aria-hidden size={17} /> Send again
          </button>
        )}
        {!gone && (
          <>
            <button className="button danger" onClick={() => attempt(records.delete(doc.key))}>Delete</button>
            <button className="button primary" onClick={save}>Save</button>
          </>
        )}
      </div>
    </div>
  );
}

function when(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium' });
}
