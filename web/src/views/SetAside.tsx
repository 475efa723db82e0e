/** What is not in the truth: what was set aside, with what can be done about it, and what waits its turn. */
import { RotateCw, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { drop, sendAgain, useWaiting, type Aside } from '../aside';
import { useSession } from '../live';
import type { Question } from '../modes';
import { asideReason, explain, labelOf, number, plural } from '../words';
import { Confirm } from './Confirm';
import { RecordDialog } from './RecordDialog';
import { useToast } from './Toasts';

/** More rows than these are only counted. */
const SHOWN = 50;

export function SetAside() {
  const { waiting, replaced, refused } = useWaiting();
  const [shown, setShown] = useState<Aside>();
  const rows = (all: readonly Aside[], hint: (aside: Aside) => string | undefined) => (
    <>
      <ul className="pending-list">
        {all.slice(0, SHOWN).map((aside) => (
          <li key={aside.doc.handle}><Row aside={aside} hint={hint(aside)} onOpen={() => setShown(aside)} /></li>
        ))}
      </ul>
      {all.length > SHOWN && <p className="hint">and {plural(all.length - SHOWN, 'more record')}</p>}
    </>
  );
  return (
    <>
      {replaced.length + refused.length > 0 && (
        <section className="aside" aria-labelledby="aside-title">
          <h3 id="aside-title" className="trouble-title">Set aside ({number(replaced.length + refused.length)})</h3>
          {replaced.length > 0 && <Replaced aside={replaced}>{rows(replaced, kind)}</Replaced>}
          {refused.length > 0 && (
            <>
              <p className="hint">The server did not take these. They are safe here; open one to mend or delete it.</p>
              {rows(refused, ({ doc }) => doc.problem?.code)}
            </>
          )}
        </section>
      )}
      {waiting.length > 0 && (
        <section aria-labelledby="waiting-title">
          <h3 id="waiting-title">On its way ({number(waiting.length)})</h3>
          {rows(waiting.map((doc) => ({ doc, isDeletion: doc.state === 'deleted' })), ({ doc }) => doc.state)}
        </section>
      )}
      <RecordDialog doc={shown?.doc} isDeletion={shown?.isDeletion ?? false} onClose={() => setShown(undefined)} />
    </>
  );
}

function Row({ aside: { doc }, hint, onOpen }: { aside: Aside; hint: string | undefined; onOpen(): void }) {
  return (
    <button className="pending-row" onClick={onOpen}>
      <span className="tag">{doc.entity}</span>
      <span className="pending-label">{labelOf(doc)}</span>
      <span className="hint">{hint}</span>
    </button>
  );
}

const kind = ({ doc, isDeletion }: Aside): string => (isDeletion ? 'deletion' : doc.is_pending ? 'new' : 'change');

/** Nothing is wrong with these: they are kept for the person to decide, all at once or one by one. */
function Replaced({ aside, children }: { aside: readonly Aside[]; children: React.ReactNode }) {
  const { database } = useSession();
  const toast = useToast();
  const [question, setQuestion] = useState<Question>();
  const [busy, setBusy] = useState(false);
  const count = plural(aside.length, 'change');
  const attempt = (work: Promise<void>) => {
    setBusy(true);
    work.catch((error: unknown) => toast({ text: explain(error).help })).finally(() => setBusy(false));
  };
  const ask = () => setQuestion({ title: `Drop ${count}?`, text: 'The records stay as the server has them. What was set aside of them is gone for good.', yes: 'Drop' });
  return (
    <>
      <div className="notice kept">
        <p>{asideReason(aside[0]?.doc ?? {}, true)} Nothing is lost: send them once more, on top of what is there now, or drop them.</p>
        <div className="buttons">
          <button className="button small primary" disabled={busy} onClick={() => attempt(sendAgain(database, aside))}>
            <RotateCw aria-hidden size={15} /> Send all again
          </button>
          <button className="button small danger" disabled={busy} onClick={ask}><Undo2 aria-hidden size={15} /> Drop all…</button>
        </div>
      </div>
      {children}
      <Confirm question={question} onNo={() => setQuestion(undefined)} onYes={() => { setQuestion(undefined); attempt(drop(database, aside)); }} />
    </>
  );
}
