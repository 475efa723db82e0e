/** The ways to sync, in words: what each is for, what it cannot go with, and what it may cost. Pure. */
import type { SyncOptions } from 'tidemark';
import type { Held, How } from './steering';
import { number, plural } from './words';

export type Mode = NonNullable<SyncOptions['mode']>;
export type Direction = NonNullable<SyncOptions['direction']>;

export interface Choice<Name extends string> {
  name: Name;
  title: string;
  help: string;
}

export const MODES: readonly Choice<Mode>[] = [
  { name: 'auto', title: 'Automatic', help: 'The server chooses: the quick way, or a repair where the fingerprints differ.' },
  { name: 'fast', title: 'Fast', help: 'Sends and fetches what has changed since the last sync.' },
  { name: 'repair', title: 'Repair', help: 'Compares by fingerprints, and mends only what differs. Deletes nothing.' },
  { name: 'refresh', title: 'Refresh', help: 'Sends everything again, and matches it with what the server has. Deletes nothing.' },
  { name: 'slow', title: 'Slow', help: 'Compares the whole table. What is missing here counts as deleted.' },
  { name: 'pull_truth', title: 'Take the server’s records', help: 'Fetches everything anew. What is not sent yet is set aside.' },
  { name: 'push_truth', title: 'Make this device the truth', help: 'The server becomes just what is here, and other devices follow.' },
];

export const DIRECTIONS: readonly Choice<Direction>[] = [
  { name: 'both', title: 'Both ways', help: 'Changes go both ways.' },
  { name: 'pull', title: 'Only fetch', help: 'Nothing is sent this time; what waits here goes on waiting.' },
  { name: 'push', title: 'Only send', help: 'Nothing is fetched this time; others’ changes come with a later sync.' },
];

export const titleOf = (mode: string): string => MODES.find(({ name }) => name === mode)?.title ?? mode;

/** Why a direction does not go with a mode, if it does not. */
export function clash(mode: Mode, direction: Direction): string | undefined {
  if (mode === 'pull_truth' && direction === 'push') return 'Taking the server’s records is fetching.';
  if (mode === 'push_truth' && direction === 'pull') return 'Making this device the truth is sending.';
  return undefined;
}

/** What a mirror in this direction does, in a line. */
export function mirrorHelp(direction: Direction): string {
  if (direction === 'both') return 'A mirror goes one way: choose “only fetch” or “only send” first.';
  return direction === 'pull'
    ? 'This device becomes just what the server has. What is not sent yet is set aside.'
    : 'The server becomes just what this device has, whatever others changed.';
}

/** What to sync with: nothing that is so anyway. */
export function howOf(mode: Mode, direction: Direction, mirror: boolean): How {
  return {
    ...(mode !== 'auto' && { mode }),
    ...(direction !== 'both' && { direction }),
    ...(mirror && direction !== 'both' && { mirror }),
  };
}

/** A question to ask before something is begun. */
export interface Question {
  title: string;
  text: string;
  yes: string;
}

/**
 * What to ask before a sync of this kind begins, if anything. What makes this device the truth is
 * not asked about here: the airbag always asks, and knows the numbers.
 */
export function questionBefore({ mode, direction, mirror }: How, pending: number): Question | undefined {
  const aside = pending > 0 ? ` ${plural(pending, 'change')} not sent yet will be set aside for you.` : '';
  if (mode === 'pull_truth') {
    return { title: 'Take the server’s records?', text: `This device fetches everything anew.${aside}`, yes: 'Take them' };
  }
  if (mirror && direction === 'pull') {
    return { title: 'Mirror the server here?', text: `Whatever this device holds otherwise than the server goes.${aside}`, yes: 'Mirror it' };
  }
  if (mirror && direction === 'push' && mode !== 'push_truth') {
    return {
      title: 'Mirror this device to the server?',
      text: 'The server gives up what it holds otherwise than this device, and what this device lacks. Others’ changes lose; they are kept as conflicts.',
      yes: 'Mirror it',
    };
  }
  if (mode === 'slow') {
    return {
      title: 'Compare the whole table?',
      text: 'What the server knows this device to have held, and what is missing here now, is deleted on the server too.',
      yes: 'Compare',
    };
  }
  return undefined;
}

/** How a held sync is put to the person. */
export interface Alarm {
  title: string;
  /** What it would do, with the numbers. */
  text: string;
  /** What becomes of things here if the server's records are kept. */
  keepHelp: string;
  go: string;
  goHelp: string;
  /** What to say when it has gone through. */
  done: string;
}

export function alarm({ deletes, changes, live, how }: Held): Alarm {
  const all = deletes >= live && live > 0;
  const verbs = [
    ...(deletes > 0 ? [all ? 'delete all' : `delete ${number(deletes)}`] : []),
    ...(changes > 0 ? [`change ${number(changes)}`] : []),
  ];
  const what = verbs.length > 0 ? verbs.join(' and ') : 'change none';
  const records = verbs.length === 1 && all ? plural(live, 'record') : `of the ${plural(live, 'record')}`;
  const text = `This sync would ${what} ${records} on the server, for all your devices. It was stopped before anything was touched.`;
  if (how.mode === 'push_truth' || how.mirror) {
    return {
      title: 'Replace the server’s records?',
      text,
      keepHelp: 'Nothing changes there. This device fetches everything anew; what is not sent yet is set aside for you.',
      go: 'Replace them',
      goHelp: 'The server becomes just what this device holds, and your other devices follow.',
      done: 'The server has just what this device holds.',
    };
  }
  const [verb, count] = deletes > 0 ? ['Delete', deletes] : ['Change', changes];
  return {
    title: `${verb} ${plural(count, 'record')} on the server?`,
    text,
    keepHelp: 'Nothing is deleted there. What you deleted here comes back; other changes that wait are set aside for you.',
    go: `${verb} them`,
    goHelp: 'The sync goes ahead as it was asked for, and your other devices follow.',
    done: `${plural(count, 'record')} ${verb.toLowerCase()}d on the server.`,
  };
}
