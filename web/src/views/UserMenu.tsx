/** Who is signed in, help, and signing out (which keeps everything on the device). */
import { Keyboard, LogOut } from 'lucide-react';
import { useSession } from '../live';

export function UserMenu({ onHelp }: { onHelp(): void }) {
  const { user, signOut } = useSession();
  return (
    <div className="user">
      <span className="avatar" aria-hidden>{user[0]?.toUpperCase()}</span>
      <span className="user-name"><span className="visually-hidden">Signed in as </span>{user}</span>
      <button className="icon-button desktop-only" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={onHelp}>
        <Keyboard aria-hidden size={18} />
      </button>
      <button className="icon-button" aria-label="Sign out" title="Sign out" onClick={signOut}>
        <LogOut aria-hidden size={18} />
      </button>
    </div>
  );
}
