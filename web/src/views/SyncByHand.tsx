/** The inspector's sync: every mode and direction with a line on what it is for; what may cost something asks first. */
import { RefreshCw } from 'lucide-react';
import { useId, useState } from 'react';
import { useSyncStatus } from 'tidemark/react';
import { clash, DIRECTIONS, howOf, mirrorHelp, MODES, questionBefore, type Choice, type Direction, type Mode, type Question } from '../modes';
import { useSteering } from '../steering';
import { Confirm } from './Confirm';
import { ReportCard } from './ReportCard';

export function SyncByHand() {
  const { steering, running, last } = useSteering();
  const { pending } = useSyncStatus();
  const [mode, setMode] = useState<Mode>('auto');
  const [direction, setDirection] = useState<Direction>('both');
  const [isMirror, setMirror] = useState(false);
  const [question, setQuestion] = useState<Question>();
  const problem = clash(mode, direction);
  const how = howOf(mode, direction, isMirror);
  const run = () => {
    setQuestion(undefined);
    void steering.run(how);
  };
  const begin = () => {
    const asked = questionBefore(how, pending);
    if (asked) setQuestion(asked);
    else run();
  };
  return (
    <section className="by-hand" aria-labelledby="by-hand-title">
      <h2 id="by-hand-title">Sync by hand</h2>
      <form onSubmit={(event) => { event.preventDefault(); begin(); }}>
        <Choices<Mode> legend="How" choices={MODES} value={mode} onChange={setMode} className="mode-cards" />
        <Choices<Direction> legend="Which way" choices={DIRECTIONS} value={direction} onChange={setDirection} className="mode-cards three" />
        <Mirror direction={direction} on={isMirror} onChange={setMirror} />
        <div className="by-hand-run">
          <button className="button primary" disabled={running !== undefined || problem !== undefined}>
            <RefreshCw aria-hidden size={17} className={running ? 'turning' : ''} /> Sync this way
          </button>
          {problem && <p className="problem" role="alert">These do not go together: {problem.toLowerCase().replace(/\.$/, '')}.</p>}
        </div>
      </form>
      {last && <ReportCard outcome={last} />}
      <Confirm question={question} onYes={run} onNo={() => setQuestion(undefined)} />
    </section>
  );
}

interface ChoicesProps<Name extends string> {
  legend: string;
  choices: readonly Choice<Name>[];
  value: Name;
  className: string;
  onChange(name: Name): void;
}

function Choices<Name extends string>({ legend, choices, value, className, onChange }: ChoicesProps<Name>) {
  const group = useId();
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className={className}>
        {choices.map(({ name, title, help }) => (
          <label key={name} className={name === value ? 'mode-card current' : 'mode-card'}>
            <input type="radio" name={group} checked={name === value} onChange={() => onChange(name)} aria-describedby={`${group}-${name}`} aria-label={title} />
            <span className="mode-title" aria-hidden>{title}</span>
            <span className="hint" id={`${group}-${name}`}>{help}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Mirror({ direction, on, onChange }: { direction: Direction; on: boolean; onChange(on: boolean): void }) {
  const id = useId();
  const off = direction === 'both';
  return (
    <label className={off ? 'mirror off' : 'mirror'}>
      <input type="checkbox" role="switch" checked={on && !off} disabled={off} onChange={(event) => onChange(event.target.checked)}
        aria-label="Mirror" aria-describedby={id} />
      <span>
        <span className="mode-title" aria-hidden>Mirror</span>
        <span className="hint" id={id}>{mirrorHelp(direction)}</span>
      </span>
    </label>
  );
}
