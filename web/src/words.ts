/** What the demo says: times, sizes and errors in words a person can use. Pure. */
import type { Doc, SyncStatus } from 'tidemark';

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const NUMBERS = new Intl.NumberFormat('en');

export const number = (value: number): string => NUMBERS.format(value);

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;

/** “just now”, “3 minutes ago”, or the date when it is long ago. */
export function ago(time: string, now = Date.now()): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  if (Number.isNaN(seconds)) return 'at an unknown time';
  if (seconds > -45) return 'just now';
  if (seconds > -3600) return RELATIVE.format(Math.round(seconds / 60), 'minute');
  if (seconds > -86_400) return RELATIVE.format(Math.round(seconds / 3600), 'hour');
  if (seconds > -7 * 86_400) return RELATIVE.format(Math.round(seconds / 86_400), 'day');
  return new Date(time).toLocaleDateString('en', { dateStyle: 'medium' });
}

/** A size in bytes as “1.2 MB”. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(size, 1)) / 3));
  const scaled = size / 1000 ** step;
  return `${scaled.toFixed(step > 0 && scaled < 10 ? 1 : 0)} ${units[step]}`;
}

/** How the sync stands, for the pill and the live region. */
export interface Standing {
  tone: 'calm' | 'busy' | 'offline' | 'trouble';
  /** Two or three words. */
  short: string;
  /** A sentence. */
  long: string;
}

const PHASES: Partial<Record<SyncStatus['phase'], string>> = {
  opening: 'Calling the server',
  pushing: 'Sending your changes',
  pulling: 'Fetching changes',
  finishing: 'Comparing notes',
  reconciling: 'Comparing notes',
};

/** How the sync stands; `aside` of what is pending waits for the person, not for the sync. */
export function standing(status: SyncStatus, online: boolean, aside = 0): Standing {
  const toSend = Math.max(status.pending - aside, 0);
  const waiting = toSend > 0 ? plural(toSend, 'change') : undefined;
  if (!online || status.error?.code === 'offline') {
    const short = online ? 'No server' : 'Offline';
    const why = online ? 'The server does not answer.' : 'Offline.';
    return {
      tone: 'offline',
      short: waiting ? `${short} · ${number(toSend)} kept` : short,
      long: waiting
        ? `${why} ${waiting} kept on this device, sent when ${online ? 'it' : 'the network'} returns.`
        : `${why} Everything you do is kept on this device.`,
    };
  }
  if (status.error) {
    const { title, short = title } = explain(status.error);
    return { tone: 'trouble', short, long: `${title}. ${waiting ? `${waiting} kept on this device.` : ''}`.trim() };
  }
  const phase = PHASES[status.phase];
  if (phase) {
    const { progress } = status;
    const part = progress && progress.total > 0 ? ` ${Math.floor((100 * progress.done) / progress.total)} %` : '';
    return { tone: 'busy', short: `Syncing${part}`, long: `${phase}${part ? `,${part} done` : ''}.` };
  }
  if (waiting) return { tone: 'busy', short: `${number(toSend)} to send`, long: `${waiting} waiting to be sent.` };
  if (aside > 0) return { tone: 'trouble', short: `${number(aside)} set aside`, long: `${plural(aside, 'change')} set aside for you to look at. All else is in sync.` };
  return status.last_sync
    ? { tone: 'calm', short: 'In sync', long: 'Everything is in sync.' }
    : { tone: 'busy', short: 'Not synced yet', long: 'Not synced with the server yet.' };
}

export interface Explained {
  title: string;
  /** For the pill, where the title is long. */
  short?: string;
  help: string;
  action?: 'sign-in' | 'retry' | 'reload' | 'decide';
}

const EXPLAINED: Record<string, Explained> = {
  unauthenticated: {
    title: 'Signed out',
    help: 'The server no longer accepts this sign-in. Your records are safe on this device; sign in again to sync.',
    action: 'sign-in',
  },
  wrong_user: {
    title: 'Somebody else’s records',
    help: 'What is on this device belongs to another account, so nothing is sent. Sign in with the first name, or use another one.',
  },
  quota: {
    title: 'This device is full',
    help: 'The browser gave no more storage. Free some space on the device, then try again; nothing saved so far is lost.',
    action: 'retry',
  },
  private_mode: {
    title: 'No storage in this window',
    help: 'This browser window keeps nothing. Open the app in an ordinary window.',
  },
  blocked: {
    title: 'Another tab is in the way',
    help: 'A tab with an older version of the app is open. Close it, then reload this one.',
    action: 'reload',
  },
  closed: { title: 'The database was closed', help: 'Reload the page to go on; nothing is lost.', action: 'reload' },
  offline: { title: 'Offline', help: 'Your changes are kept on this device and sent when the network returns.', action: 'retry' },
  busy: { title: 'The server is busy', help: 'Syncing is tried again by itself in a moment.', action: 'retry' },
  airbag: {
    title: 'The sync was stopped',
    short: 'Stopped',
    help: 'It would delete or replace much of what is on the server. Nothing has been touched there.',
    action: 'decide',
  },
  truth_pushed: {
    title: 'The records were replaced',
    help: 'Another device made its records those of the server. Take them first: what waits here is set aside for you, not lost.',
  },
  cancelled: { title: 'The sync was stopped', help: 'Your changes are kept on this device, and sent with the next one.', action: 'retry' },
  forbidden: { title: 'Not allowed', help: 'This account may read these records but not change them. Your changes stay on this device.' },
  protocol: { title: 'The versions do not match', help: 'This app is older than the server. Reload to get the new one.', action: 'reload' },
};

/** An error as a person needs it: what it is, what it means for their records, what to do. */
export function explain(error: unknown): Explained {
  const { code, help, message } = (error ?? {}) as { code?: string; help?: string; message?: string };
  const known = code ? EXPLAINED[code] : undefined;
  if (known) return known;
  return {
    title: message?.replace(/\.$/, '') || 'Something went wrong',
    help: help ?? 'Your records are safe on this device. Try again; if it stays so, the server’s log says more.',
    action: 'retry',
  };
}

const ASIDE: Record<string, (these: string) => string> = {
  truth_pushed: (these) => `Another device replaced the records on the server while ${these} waited here.`,
  pull_truth: (these) => `The server’s records were taken while ${these} waited here.`,
};

/** Why a change was set aside, or several. */
export function asideReason({ problem }: Pick<Doc, 'problem'>, isMany = false): string {
  return ASIDE[problem?.code ?? '']?.(isMany ? 'these' : 'this') ?? problem?.detail ?? 'The server did not take this.';
}

/** The words by which a person knows a record. */
export function labelOf(doc: Doc): string {
  const value = doc.value as Record<string, unknown> | null | undefined;
  const name = value && typeof value === 'object' ? (value['title'] ?? value['name'] ?? value['file_name']) : value;
  return typeof name === 'string' && name ? name : doc.key;
}
