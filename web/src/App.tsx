/** Who is signed in, their database while they are, and what to show meanwhile. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { TidemarkProvider } from 'tidemark/react';
import { useRegisterSW } from 'virtual:pwa-register/react';
import { currentUser, forgetCurrentUser, rememberUser } from './accounts';
import { Importer } from './import/importer';
import { SessionContext, type Session } from './live';
import { Steering, SteeringContext } from './steering';
import { openFor } from './sync';
import { Failure, FailureBoundary } from './views/Failure';
import { Shell, type Update } from './views/Shell';
import { SignIn } from './views/SignIn';
import { ToastProvider } from './views/Toasts';

export function App() {
  const [user, setUser] = useState(currentUser);
  const update = useUpdate();
  const { session, error } = useOpened(user, useCallback(() => {
    forgetCurrentUser();
    setUser(undefined);
  }, []));
  const signIn = (name: string) => {
    rememberUser(name);
    setUser(name);
  };
  if (!user) return <SignIn onSignIn={signIn} />;
  if (error !== undefined) return <Failure error={error} />;
  if (!session) return <div className="opening" role="status" aria-label="Opening your records" />;
  return (
    <TidemarkProvider database={session.database}>
      <SessionContext value={session}>
        <ToastProvider>
          <SteeringContext value={session.steering}>
            <FailureBoundary>
              <Shell update={update} />
            </FailureBoundary>
          </SteeringContext>
        </ToastProvider>
      </SessionContext>
    </TidemarkProvider>
  );
}

/** Keeps the whole app on the device, from the first page on. */
function useUpdate(): Update {
  const { needRefresh: [needed], updateServiceWorker } = useRegisterSW();
  return useMemo(() => ({ needed, start: () => void updateServiceWorker(true) }), [needed, updateServiceWorker]);
}

interface Opened extends Session {
  steering: Steering;
}

/** The database of `user`, opened; closed again when another name signs in or the app goes. */
function useOpened(user: string | undefined, signOut: () => void): { session?: Opened; error?: unknown } {
  const [state, setState] = useState<{ session?: Opened; error?: unknown }>({});
  useEffect(() => {
    if (user === undefined) return;
    let over = false;
    const opening = openFor(user).then((database) => {
      const importer = new Importer(database, user);
      const steering = new Steering(database);
      if (!over) {
        setState({ session: { user, database, importer, signOut, steering } });
        importer.wake();
      }
      return { database, importer, steering };
    });
    opening.catch((error: unknown) => {
      if (!over) setState({ error });
    });
    return () => {
      over = true;
      setState({});
      void opening.then(({ database, importer, steering }) => {
        importer.stop();
        steering.stop();
        return database.close();
      }, () => undefined);
    };
  }, [user, signOut]);
  return state;
}
