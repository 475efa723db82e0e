/** What came of a sync that was asked for: proved or not, what went which way, what it cost. */
import { ArrowDown, ArrowUp, CircleDashed, ShieldCheck, TriangleAlert } from 'lucide-react';
import type { SyncReport } from 'tidemark';
import { useNow } from '../live';
import { titleOf } from '../modes';
import type { Outcome } from '../steering';
import { ago, bytes, explain, number } from '../words';

export function ReportCard({ outcome: { how, at, report, error } }: { outcome: Outcome }) {
  const now = useNow();
  const when = ago(new Date(at).toISOString(), now);
  if (!report) return <Failed error={error} when={when} />;
  const [Icon, words] = report.in_sync ? [ShieldCheck, 'In sync, and proved so'] : [CircleDashed, 'Done; both sides are not the same yet'];
  const asked = how.mode ?? 'auto';
  return (
    <section className={report.in_sync ? 'report proved' : 'report'} aria-label="The last sync that you asked for" data-testid="report">
      <header>
        <Icon aria-hidden size={22} />
        <strong role="status">{words}</strong>
        <span className="tag" data-testid="report-mode" title={asked === report.mode ? undefined : `Asked for: ${titleOf(asked)}`}>{report.mode}</span>
        <span className="hint">{when}</span>
      </header>
      <Figures report={report} />
    </section>
  );
}

function Failed({ error, when }: { error: unknown; when: string }) {
  const { title, help } = explain(error);
  return (
    <section className="report failed" aria-label="The last sync that you asked for" data-testid="report">
      <header>
        <TriangleAlert aria-hidden size={22} />
        <strong role="status">{title}</strong>
        <span className="hint">{when}</span>
      </header>
      <p>{help}</p>
    </section>
  );
}

function Figures({ report }: { report: SyncReport }) {
  const figures: readonly (readonly [string, string])[] = [
    ['Sent', number(report.pushed)],
    ['Fetched', number(report.pulled)],
    ['Deleted here', number(report.deleted)],
    ['Conflicts', number(report.conflicts)],
    ['Set aside', number(report.rejected)],
    ['Round trips', number(report.round_trips)],
    ['Took', report.ms < 1000 ? `${number(report.ms)} ms` : `${(report.ms / 1000).toFixed(1)} s`],
  ];
  return (
    <dl className="figures">
      {figures.map(([name, figure]) => <div key={name} className={figure === '0' ? 'none' : ''}><dt>{name}</dt><dd>{figure}</dd></div>)}
      <div>
        <dt>On the wire</dt>
        <dd className="wire">
          <span aria-label={`sent ${bytes(report.bytes_sent)}`}><ArrowUp aria-hidden size={14} />{bytes(report.bytes_sent)}</span>
          <span aria-label={`received ${bytes(report.bytes_received)}`}><ArrowDown aria-hidden size={14} />{bytes(report.bytes_received)}</span>
        </dd>
      </div>
    </dl>
  );
}
