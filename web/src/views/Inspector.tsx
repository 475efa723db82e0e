/** What this device is to the server: its name there, what it holds, what proves that it is the same. */
import { useNow, useLive, useSession } from '../live';
import { useEntities } from '../entities';
import { useTruth } from '../truth';
import { ago, bytes, number } from '../words';
import { Fingerprints } from './Fingerprint';
import { SyncByHand } from './SyncByHand';

export function Inspector() {
  const { user } = useSession();
  const { answer: info } = useLive('info', (database) => database.info());
  const entities = useEntities() ?? [];
  const now = useNow();
  const truth = useTruth(info?.datastore, `${info?.last_sync} ${info?.fingerprint}`);
  if (!info) return null;
  const { usage, quota, persisted } = info.storage;
  return (
    <section className="page inspector" aria-labelledby="device-title">
      <header className="page-head">
        <h1 id="device-title">This device</h1>
        <p className="summary">Signed in as {user}</p>
      </header>
      <dl className="facts roomy">
        <div><dt>Device</dt><dd><code data-testid="device-uuid">{info.device_uuid}</code></dd></div>
        <div><dt>Last sync</dt><dd>{info.last_sync ? <>{ago(info.last_sync, now)} <code>{info.last_sync}</code></> : 'never'}</dd></div>
        <div>
          <dt>Records</dt>
          <dd>
            {number(info.confirmed)} confirmed by the server, {number(info.pending)} waiting
            {info.rejected > 0 && `, ${number(info.rejected)} of them set aside`}
          </dd>
        </div>
        <div>
          <dt>Storage</dt>
          <dd>
            {usage === undefined ? 'not told by this browser' : `${bytes(usage)} in use`}
            {quota !== undefined && ` of ${bytes(quota)}`}
            {persisted !== undefined && <p className="hint">{persisted ? 'Kept until you clear it.' : 'The browser may clear it when the disk is nearly full.'}</p>}
          </dd>
        </div>
      </dl>
      <h2>Fingerprints</h2>
      <Fingerprints here={info.fingerprint} there={truth?.fingerprint} />
      <p className="hint">Devices that show the same one hold the same records, byte for byte. What waits to be sent does not count yet.</p>
      <SyncByHand />
      <h2>By kind</h2>
      <ul className="rows">
        {entities.map(({ entity, count }) => (
          <li key={entity}><span className="row-name">{entity}</span><span>{number(count)}</span></li>
        ))}
      </ul>
    </section>
  );
}
