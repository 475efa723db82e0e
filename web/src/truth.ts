/** What the server tells of the datastore, to hold beside what this device says; only while there is a network. */
import { useEffect, useState } from 'react';
import { useOnline, useSession } from './live';
import { ask } from './sync';

/** The datastore as the server has it. */
export interface Truth {
  /** What its records hash to. */
  fingerprint?: string;
  /** How many there are. */
  live: number;
  max_checkin: string;
}

/** The truth, asked for again whenever `moment` is another. */
export function useTruth(datastore: string | undefined, moment: string): Truth | undefined {
  const { user } = useSession();
  const online = useOnline();
  const [truth, setTruth] = useState<Truth>();
  useEffect(() => {
    if (!online || datastore === undefined) return setTruth(undefined);
    let over = false;
    ask<Truth>(user, `/v1/datastores/${encodeURIComponent(datastore)}`).then(
      (found) => over || setTruth(found),
      () => over || setTruth(undefined),
    );
    return () => {
      over = true;
    };
  }, [user, datastore, moment, online]);
  return truth;
}
