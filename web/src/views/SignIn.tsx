/** The first page: a name is all it takes, with or without a network. */
import { ArrowRight, CloudOff, RefreshCw, Zap } from 'lucide-react';
import { useState, type SyntheticEvent } from 'react';
import { earlierUsers } from '../accounts';
import { useOnline } from '../live';
import { Mark } from './Mark';

const NAME_MAX = 60;

export function SignIn({ onSignIn }: { onSignIn(name: string): void }) {
  const [name, setName] = useState('');
  const online = useOnline();
  const earlier = earlierUsers();
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (name.trim()) onSignIn(name.trim());
  };
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <Mark size={64} />
        <h1>Tidemark</h1>
        <p className="lead">Your lists, on every device, with or without a network.</p>
        <form onSubmit={submit}>
          <label htmlFor="name">Your name</label>
          <div className="sign-in-row">
            <input
              id="name"
              className="field"
              value={name}
              onChange={(event) => setName(event.target.value)}
              autoComplete="username"
              autoCapitalize="none"
              spellCheck={false}
              maxLength={NAME_MAX}
              placeholder="alice"
              autoFocus
            />
            <button className="button primary" type="submit" disabled={!name.trim()}>
              Sign in <ArrowRight aria-hidden size={18} />
            </button>
          </div>
          <p className="hint">Any name will do: this is a demo, and a name is the whole account.</p>
        </form>
        {earlier.length > 0 && (
          <div className="earlier">
            <h2>On this device</h2>
            <ul>
              {earlier.map((user) => (
                <li key={user}>
                  <button className="chip" onClick={() => onSignIn(user)}>
                    <span className="avatar" aria-hidden>{user[0]?.toUpperCase()}</span>
                    {user}
                  </button>
                </li>
              ))}
            </ul>
          </div>
        )}
        {!online && (
          <p className="notice">
            <CloudOff aria-hidden size={18} /> You are offline. Start anyway: everything syncs once the network is back.
          </p>
        )}
      </div>
      <ul className="promises">
        <li><Zap aria-hidden size={18} /> Saved on this device before you can blink</li>
        <li><CloudOff aria-hidden size={18} /> Works in tunnels, on boats and in basements</li>
        <li><RefreshCw aria-hidden size={18} /> In step everywhere, as soon as there is a signal</li>
      </ul>
      <div className="waves" aria-hidden />
    </main>
  );
}
