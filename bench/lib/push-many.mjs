// One device of plain calls that pushes many records in one push, to see what the server keeps.
import { makeRecords } from '../src/records.js';

export async function pushMany(server, count) {
  let token;
  const call = async (path, body) => {
    const answer = await fetch(server + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(json)}`);
    return json;
  };
  token = (await call('/v1/dev/token', { user: 'many' })).token;
  const begun = performance.now();
  const opened = await call('/v1/sync/open', {
    device_uuid: crypto.randomUUID(),
    attempts: [crypto.randomUUID()],
    pending: count,
  });
  const batch = opened.limits.push_records;
  const values = makeRecords(count, 9);
  const now = new Date().toISOString();
  for (let start = 0, seq = 0; start < count; start += batch, seq += 1) {
    const records = values.slice(start, start + batch).map(value => ({
      key: crypto.randomUUID(), is_pending: true, entity: 'note', value, created: now, updated: now,
    }));
    const more = start + batch < count;
    await call('/v1/sync/push', { sync_uuid: opened.sync_uuid, seq, records, more });
  }
  return (performance.now() - begun) / 1000;
}
