// A page that is rendered on a server first, where there is no database, and then in the browser.

import { Suspense } from 'react';
import type { Database } from 'tidemark';
import { TidemarkProvider, useConflicts, useDatabase, useDoc, useQuery, useSyncStatus } from 'tidemark/react';

export function Page({ database }: { database: Database | undefined }) {
  return (
    <TidemarkProvider database={database}>
      <Everything />
      <Suspense fallback={<p id="awaited">waiting</p>}><Awaited /></Suspense>
    </TidemarkProvider>
  );
}

function Everything() {
  const rows = useQuery('todo');
  const doc = useDoc('todo', 'none');
  const conflicts = useConflicts();
  const { phase, pending } = useSyncStatus();
  const shown = [useDatabase()?.name, rows?.length, doc, conflicts?.length, phase, pending];
  return <p id="everything">{shown.map(String).join()}</p>;
}

function Awaited() {
  const rows = useQuery('todo', {}, { suspense: true });
  return <p id="awaited">{`${rows.length} todos`}</p>;
}
