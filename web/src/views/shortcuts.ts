/** Everything the keyboard does, in one list: the help dialog shows it, `useShortcuts` obeys it. */
import { useLayoutEffect } from 'react';
import { useHashLocation } from 'wouter/use-hash-location';
import { useSession } from '../live';
import type { DialogName } from './Shell';

export const SHORTCUTS: { keys: string[]; does: string }[] = [
  { keys: ['n'], does: 'New thing to do' },
  { keys: ['l'], does: 'New list' },
  { keys: ['↑', '↓'], does: 'Move among things to do' },
  { keys: ['Space'], does: 'Complete, or bring back' },
  { keys: ['Enter'], does: 'Edit' },
  { keys: ['Delete'], does: 'Delete' },
  { keys: ['1', '–', '9'], does: 'Go to a list' },
  { keys: ['/'], does: 'Search records' },
  { keys: ['s'], does: 'Sync now' },
  { keys: ['i'], does: 'About this device' },
  { keys: ['?'], does: 'This help' },
];

/** Obeys the shortcuts, except while somebody types or a dialog is open. */
export function useShortcuts(show: (dialog: DialogName) => void): void {
  const { database } = useSession();
  const [place, go] = useHashLocation();
  // Before anything is painted: what is shown can be used.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
      if (obey(event.key)) event.preventDefault();
    };
    const obey = (key: string): boolean => {
      if (key === '?') show('help');
      else if (key === 'n') focusOr('#new-todo', () => go('/list/inbox'));
      else if (key === 'l') focusOr('#new-list', () => go('/list/inbox'));
      else if (key === '/') focusOr('#search', () => go('/records'));
      else if (key === 'i') go('/device');
      else if (key === 's') void database.sync().catch(() => show('sync'));
      else if (/^[1-9]$/.test(key)) document.querySelectorAll<HTMLElement>('.list-nav a')[Number(key) - 1]?.click();
      else return false;
      return true;
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [database, go, place, show]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select, [contenteditable]');
}

/** Focuses an element; where it is not drawn yet, goes to where it will be, and focuses it then. */
function focusOr(selector: string, goThere: () => void): void {
  const focus = () => {
    const element = document.querySelector<HTMLElement>(selector);
    element?.focus();
    return element !== null;
  };
  if (focus()) return;
  goThere();
  const drawn = new MutationObserver(() => focus() && stop());
  // Whoever presses something else meanwhile has gone on.
  const stop = () => {
    drawn.disconnect();
    for (const event of GOES_ON) removeEventListener(event, stop, true);
  };
  drawn.observe(document.body, { childList: true, subtree: true });
  for (const event of GOES_ON) addEventListener(event, stop, true);
}

const GOES_ON = ['keydown', 'pointerdown'] as const;
