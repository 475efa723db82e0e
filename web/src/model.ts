/** The demo's own kinds of record, as they lie in the datastore. Imports nothing of the app. */

/** A thing to do. `list` is a list's own `id`, not its key: it means the same on every device from the start. */
export interface Todo {
  title: string;
  done: boolean;
  list: string;
}

/** A list of things to do. `id` is made once and never changes. */
export interface List {
  id: string;
  name: string;
}

/** How far a file has been imported. Written in the same batch as the records it counts. */
export interface Import {
  /** The id under which the file's text is kept on the device that imports it. */
  id: string;
  file_name: string;
  /** The entity that the rows become. */
  entity: string;
  /** Rows of the file worked off, those skipped included. */
  position: number;
  /** Rows that could not be read. */
  skipped: number;
  /** What was wrong with the first of those. */
  first_problem?: string;
  /** The part of the file that has been read, 0 to 1. */
  part: number;
  state: 'running' | 'done' | 'failed';
  problem?: string;
}

/** The list that is always there; every device knows it by this name. */
export const INBOX: List = { id: 'inbox', name: 'Inbox' };

/** What the demo keeps for itself; the record browser shows these after the person's own. */
export const OWN_ENTITIES = ['todo', 'list', 'import'] as const;
