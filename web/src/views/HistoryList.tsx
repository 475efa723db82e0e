/** The versions of a record that the server keeps, newest first, each to be brought back. */
import { RotateCcw } from 'lucide-react';
import type { Doc, Json } from 'tidemark';
import { deviceName, isObject, shown } from '../conflicts';
import { useHistory, type Version } from '../history';
import { useLive, useNow, useOnline } from '../live';
import { ago, explain } from '../words';

export function HistoryList({ doc, onBringBack }: { doc: Doc; onBringBack(value: Json): void }) {
  const { versions, error } = useHistory(doc.key, doc.updated);
  const online = useOnline();
  return (
    <section className="history" aria-labelledby="history-title">
      <h3 id="history-title">History</h3>
      {versions
        ? <Versions versions={versions} onBringBack={onBringBack} />
        : <p className="hint" role="status">{reason(doc, online, error)}</p>}
    </section>
  );
}

function reason(doc: Doc, online: boolean, error: unknown): string {
  if (!online) return 'The history is on the server. It shows here when the network returns.';
  if (doc.is_pending) return 'The server does not have this record yet, so it has no history.';
  return error === undefined ? 'Fetching the history…' : explain(error).title;
}

function Versions({ versions, onBringBack }: { versions: Version[]; onBringBack(value: Json): void }) {
  const now = useNow();
  const me = useLive('me', (database) => database.info()).answer?.device_uuid ?? '';
  return (
    <ol className="versions">
      {versions.toReversed().map((version, at) => (
        <li key={version.checkin} data-testid="version">
          <div className="version-head">
            <strong>{told(version, at === versions.length - 1)}</strong>
            <span className="hint">
              {deviceName(version.device_uuid, me)}, <time dateTime={version.checkin} title={version.checkin}>{ago(version.checkin, now)}</time>
            </span>
            {version.superseded === undefined
              ? <span className="tag">Now</span>
              : !version.deleted && (
                <button className="button small" onClick={() => onBringBack(version.value)}
                  aria-label={`Bring back the version of ${new Date(version.checkin).toLocaleString('en')}`}>
                  <RotateCcw aria-hidden size={15} /> Bring back
                </button>
              )}
          </div>
          {!version.deleted && <Value version={version} />}
        </li>
      ))}
    </ol>
  );
}

function told({ deleted, changed }: Version, isFirst: boolean): string {
  if (deleted) return 'Deleted';
  if (isFirst) return 'Made';
  return changed?.length ? `Changed ${changed.join(', ')}` : 'Replaced';
}

/** The value by field, those that this version changed standing out. */
function Value({ version: { value, changed } }: { version: Version }) {
  if (!isObject(value)) return <p className="version-value"><code>{shown(value)}</code></p>;
  return (
    <dl className="version-value">
      {Object.entries(value).map(([field, one]) => (
        <div key={field} className={changed?.includes(field) ? 'changed' : ''}><dt>{field}</dt><dd>{shown(one)}</dd></div>
      ))}
    </dl>
  );
}
