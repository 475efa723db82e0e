/**
 * What views follow beside what `tidemark/react` gives them: questions of the demo's own, asked once,
 * then again after each change, at most once a frame; the network and the time. Nothing here writes a record.
 */
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { Database } from 'tidemark';
import type { Importer } from './import/importer';

/** What the signed-in part of the app stands on. */
export interface Session {
  user: string;
  database: Database;
  importer: Importer;
  signOut(): void;
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is for the signed-in part of the app');
  return session;
}

/** The answer of `ask`, kept true while records change. `name` tells one question from another. */
export function useLive<R>(name: string, ask: (database: Database) => Promise<R>): { answer?: R; error?: unknown } {
  const { database } = useSession();
  const [state, setState] = useState<{ name: string; answer?: R; error?: unknown }>({ name });
  useEffect(() => {
    let changed = false;
    let running = false;
    let over = false;
    const run = async () => {
      running = true;
      while (changed && !over) {
        changed = false;
        await nextFrame();
        await answer();
      }
      running = false;
    };
    const answer = async () => {
      try {
        const answer = await ask(database);
        if (!over) setState({ name, answer });
      } catch (error) {
        if (!over) setState((last) => ({ ...last, name, error }));
      }
    };
    const notice = () => {
      changed = true;
      if (!running) void run();
    };
    void answer();
    const stop = database.on('change', notice);
    return () => {
      over = true;
      stop();
    };
    // `name` stands for `ask`, which is another function at each render
  }, [database, name]);
  return state.name === name ? state : {};
}

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Whether the browser believes that there is a network. */
export function useOnline(): boolean {
  return useSyncExternalStore(subscribeOnline, () => navigator.onLine);
}

function subscribeOnline(notice: () => void): () => void {
  addEventListener('online', notice);
  addEventListener('offline', notice);
  return () => {
    removeEventListener('online', notice);
    removeEventListener('offline', notice);
  };
}

/** The time, told anew every half minute, for “3 minutes ago”. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
