/** Before an import: what the file's first rows become, and under which names. */
import { useId, useState } from 'react';
import { planProblem, valueOf, type Field, type Plan } from '../import/plan';
import { useSession } from '../live';
import { bytes, explain, number } from '../words';
import { Dialog } from './Dialog';
import type { Chosen } from './ShareView';

const ROWS_SHOWN = 3;

export function ImportDialog({ chosen, onClose }: { chosen: Chosen | undefined; onClose(): void }) {
  return (
    <Dialog title={chosen ? `Import ${chosen.file.name}` : 'Import'} open={chosen !== undefined} onClose={onClose} wide>
      {chosen && <Mapping chosen={chosen} onClose={onClose} />}
    </Dialog>
  );
}

function Mapping({ chosen, onClose }: { chosen: Chosen; onClose(): void }) {
  const { importer } = useSession();
  const { file, rows, total } = chosen;
  const [plan, setPlan] = useState<Plan>(chosen.plan);
  const [keeping, setKeeping] = useState(false);
  const [complaint, setComplaint] = useState<string>();
  const problem = planProblem(plan);
  const change = (at: number, field: Partial<Field>) =>
    setPlan({ ...plan, fields: plan.fields.map((old, index) => (index === at ? { ...old, ...field } : old)) });
  const start = () => {
    setKeeping(true);
    importer.add(file, { ...plan, entity: plan.entity.trim() }).then(onClose, (error: unknown) => {
      setKeeping(false);
      setComplaint(explain(error).help);
    });
  };
  return (
    <form className="import-plan" onSubmit={(event) => { event.preventDefault(); start(); }}>
      <p className="hint">{bytes(file.size)}{total !== undefined && `, ${number(total)} rows`}</p>
      <label htmlFor="entity">Each row becomes a record of</label>
      <input id="entity" className="field" value={plan.entity} onChange={(event) => setPlan({ ...plan, entity: event.target.value })}
        autoCapitalize="none" spellCheck={false} maxLength={100} />
      {plan.fields.length > 0 && <FieldTable plan={plan} rows={rows} onChange={change} />}
      <h3>The first records</h3>
      <pre className="sample" tabIndex={0}>{rows.slice(0, ROWS_SHOWN).map((row) => JSON.stringify(valueOf(row, plan))).join('\n')}</pre>
      {(problem ?? complaint) && <p className="problem" role="alert">{problem ?? complaint}</p>}
      <div className="buttons end">
        <button type="button" className="button" onClick={onClose}>Cancel</button>
        <button type="submit" className="button primary" disabled={keeping || problem !== undefined}>
          {keeping ? 'Keeping the file…' : 'Import'}
        </button>
      </div>
    </form>
  );
}

interface FieldTableProps {
  plan: Plan;
  rows: unknown[];
  onChange(at: number, field: Partial<Field>): void;
}

function FieldTable({ plan, rows, onChange }: FieldTableProps) {
  const id = useId();
  const first = rows[0] as Record<string, unknown> | undefined;
  return (
    <div className="mapping">
      <table>
        <thead>
          <tr><th scope="col">Column</th><th scope="col">First value</th><th scope="col">Field</th>{plan.format === 'csv' && <th scope="col">As</th>}</tr>
        </thead>
        <tbody>
          {plan.fields.map((field, at) => (
            <tr key={field.from} className={field.use ? '' : 'unused'}>
              <th scope="row">
                <label htmlFor={`${id}-${at}`}>
                  <input id={`${id}-${at}`} type="checkbox" checked={field.use} onChange={() => onChange(at, { use: !field.use })} /> {field.from || '(no name)'}
                </label>
              </th>
              <td className="value">{sample(first?.[field.from])}</td>
              <td>
                <input className="field small" aria-label={`Field for ${field.from}`} value={field.to} disabled={!field.use} maxLength={100}
                  onChange={(event) => onChange(at, { to: event.target.value })} />
              </td>
              {plan.format === 'csv' && (
                <td>
                  <select className="field small" aria-label={`Type of ${field.from}`} value={field.as} disabled={!field.use}
                    onChange={(event) => onChange(at, { as: event.target.value as Field['as'] })}>
                    <option value="keep">text</option>
                    <option value="number">number</option>
                    <option value="boolean">yes / no</option>
                  </select>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function sample(value: unknown): string {
  if (value === undefined) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
