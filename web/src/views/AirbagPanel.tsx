/**
 * The airbag: a sync that would delete or replace much waits for the person, who sees what it would
 * do before anything is touched. Nothing in it has the focus at first, so that a key pressed while
 * it opens decides nothing.
 */
import { ArrowDownToLine, LifeBuoy, LoaderCircle, Trash2, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { alarm } from '../modes';
import { useSteering, type Held, type Outcome } from '../steering';
import { explain, number } from '../words';
import { Dialog } from './Dialog';
import { useToast } from './Toasts';

export function AirbagPanel() {
  const { held, isPutOff, steering } = useSteering();
  const open = held !== undefined && !isPutOff;
  return (
    <Dialog title={held ? alarm(held).title : ''} open={open} onClose={() => steering.putOff()} calm>
      {held && <Content held={held} />}
    </Dialog>
  );
}

function Content({ held }: { held: Held }) {
  const { running, steering } = useSteering();
  const toast = useToast();
  const [chosen, setChosen] = useState<'truth' | 'go'>();
  const [problem, setProblem] = useState<unknown>();
  const { text, keepHelp, go, goHelp, done } = alarm(held);
  const busy = running !== undefined && chosen !== undefined;
  const decide = async (choice: 'truth' | 'go', work: () => Promise<Outcome>, done: string) => {
    setChosen(choice);
    setProblem(undefined);
    const { report, error } = await work();
    setChosen(undefined);
    if (report) toast({ text: done });
    else setProblem(error);
  };
  return (
    <div className="airbag" data-testid="airbag">
      <p className="airbag-text"><LifeBuoy aria-hidden size={34} /> <span>{text}</span></p>
      <Extent held={held} />
      <ul className="choices">
        <ChoiceButton icon={ArrowDownToLine} title="Keep the server’s records" tone="safe" busy={busy} chosen={chosen === 'truth'}
          help={keepHelp}
          onClick={() => void decide('truth', () => steering.takeTruth(), 'The server’s records are here again.')} />
        <ChoiceButton icon={Trash2} title={go} tone="danger" busy={busy} chosen={chosen === 'go'} help={goHelp}
          onClick={() => void decide('go', () => steering.confirm(), done)} />
      </ul>
      {problem !== undefined && <p className="problem" role="alert">{explain(problem).help}</p>}
      <div className="not-now">
        <button className="button" disabled={busy} onClick={() => steering.putOff()}>Not now</button>
        <p className="hint">Everything stays as it is, here and there. You are asked again when the app starts.</p>
      </div>
    </div>
  );
}

interface ChoiceProps {
  icon: LucideIcon;
  title: string;
  help: string;
  tone: 'safe' | 'danger';
  busy: boolean;
  chosen: boolean;
  onClick(): void;
}

function ChoiceButton({ icon: Icon, title, help, tone, busy, chosen, onClick }: ChoiceProps) {
  return (
    <li>
      <button className={`choice ${tone}`} disabled={busy} onClick={onClick}>
        {chosen ? <LoaderCircle aria-hidden size={22} className="turning" /> : <Icon aria-hidden size={22} />}
        <span>
          <strong>{title}</strong>
          <span className="hint">{help}</span>
        </span>
      </button>
    </li>
  );
}

/** How much of the truth it is: a bar for the eye, numbers for everyone. */
function Extent({ held: { deletes, changes, live } }: { held: Held }) {
  const stays = Math.max(live - deletes - changes, 0);
  const parts = [
    { name: 'deleted', count: deletes },
    { name: 'changed', count: changes },
    { name: 'untouched', count: stays },
  ].filter(({ count }) => count > 0);
  return (
    <div className="extent">
      <div className="extent-bar" aria-hidden>
        {parts.map(({ name, count }) => <span key={name} className={name} style={{ flexGrow: count }} />)}
      </div>
      <ul>
        {parts.map(({ name, count }) => (
          <li key={name} className={name}><strong>{number(count)}</strong> {name}</li>
        ))}
      </ul>
    </div>
  );
}
