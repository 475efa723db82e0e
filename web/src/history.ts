/** A record's history. The server keeps it, so it shows only while there is a network. */
import { useEffect, useState } from 'react';
import type { Json } from 'tidemark';
import { useOnline, useSession } from './live';
import { ask } from './sync';

/** More versions than these are not asked for; the newest come last, so these are the oldest. */
const VERSIONS_MAX = 2000;

/** A version of a record, as the server kept it. */
export interface Version {
  /** The moment of the truth at which it came. */
  checkin: string;
  /** The one at which the next came; absent of the newest. */
  superseded?: string;
  device_uuid: string;
  value: Json;
  updated: string;
  /** The fields that it changed; absent where it replaced the whole value. */
  changed?: string[];
  deleted?: boolean;
}

interface Page {
  versions: Version[];
  cursor: string | null;
}

export interface History {
  /** Oldest first; nothing until they have come. */
  versions?: Version[];
  /** Why they cannot be shown. */
  error?: unknown;
}

/** The kept versions of a record; asked for again when `moment` is another, or the network returns. */
export function useHistory(key: string, moment: string): History {
  const { user } = useSession();
  const online = useOnline();
  const [history, setHistory] = useState<History>({});
  useEffect(() => {
    if (!online) return;
    let over = false;
    fetchHistory(user, key).then(
      (versions) => over || setHistory({ versions }),
      (error: unknown) => over || setHistory((last) => ({ ...last, error })),
    );
    return () => {
      over = true;
    };
  }, [user, key, moment, online]);
  return history;
}

async function fetchHistory(user: string, key: string): Promise<Version[]> {
  const versions: Version[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams(cursor === null ? {} : { cursor });
    const page: Page = await ask<Page>(user, `/v1/records/${encodeURIComponent(key)}/history?${query}`);
    versions.push(...page.versions);
    cursor = page.cursor;
  } while (cursor !== null && versions.length < VERSIONS_MAX);
  return versions;
}
