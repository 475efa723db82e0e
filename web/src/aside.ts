/**
 * What was set aside: changes that the server would not take, and those that waited while its records
 * were replaced. They are kept until the person sends them again or drops them.
 */
import type { Batch, Database, Doc, Json } from 'tidemark';
import { useLive } from './live';

/** A change that was set aside. */
export interface Aside {
  doc: Doc;
  /** It is a deletion: what it deletes is hidden here until it is dropped. */
  isDeletion: boolean;
}

/** Codes of changes that nothing is wrong with: the records under them were replaced. */
const REPLACED = ['truth_pushed', 'pull_truth'];

/** Whether nothing is wrong with the change itself, so that it can be sent again as it is. */
export const canBeSentAgain = (doc: Doc): boolean => REPLACED.includes(doc.problem?.code ?? '');

/** What is pending: what waits its turn, and what was set aside. */
export interface Waiting {
  waiting: Doc[];
  /** Kept from when the server's records were replaced. */
  replaced: Aside[];
  /** What the server would not take. */
  refused: Aside[];
}

export function useWaiting(): Waiting {
  return useLive('waiting', findWaiting).answer ?? { waiting: [], replaced: [], refused: [] };
}

/** How many changes are set aside. Asked only while something is pending at all. */
export function useAsideCount(pending: number): number {
  const ask = (database: Database) => (pending === 0 ? Promise.resolve(0) : database.info().then(({ rejected }) => rejected));
  return useLive(pending === 0 ? 'nothing aside' : 'how many aside', ask).answer ?? 0;
}

async function findWaiting(database: Database): Promise<Waiting> {
  const pending = await database.pending();
  const aside = await Promise.all(
    pending.filter(({ state }) => state === 'rejected').map(async (doc) => ({ doc, isDeletion: await isDeletion(database, doc) })),
  );
  return {
    waiting: pending.filter(({ state }) => state !== 'rejected'),
    replaced: aside.filter(({ doc }) => canBeSentAgain(doc)),
    refused: aside.filter(({ doc }) => !canBeSentAgain(doc)),
  };
}

/** A change that was set aside is seen as the app left it; a deletion is not seen at all. */
async function isDeletion(database: Database, { entity, key }: Doc): Promise<boolean> {
  return (await database.collection(entity).get(key)) === undefined;
}

/** Makes these changes once more, on top of what is there now, in one commit; the next sync sends them. */
export async function sendAgain(database: Database, aside: readonly Aside[]): Promise<void> {
  await database.batch(async (batch) => {
    for (const one of aside) await redo(batch, one);
  });
}

async function redo(batch: Batch, { doc: { entity, key, value, is_pending }, isDeletion }: Aside): Promise<void> {
  const records = batch.collection<Json>(entity);
  await records.undo(key);
  if (isDeletion) await records.delete(key);
  else if (is_pending) await records.create(value);
  else await records.put(key, value);
}

/** Gives these changes up, in one commit: the records are as the server has them. */
export async function drop(database: Database, aside: readonly Aside[]): Promise<void> {
  await database.batch(async (batch) => {
    for (const { doc } of aside) await batch.collection(doc.entity).undo(doc.key);
  });
}

/** Gives up the deletions that were kept when the server's records were taken: what they hid is seen again. */
export async function dropDeletions(database: Database): Promise<void> {
  const { replaced } = await findWaiting(database);
  const deletions = replaced.filter(({ isDeletion }) => isDeletion);
  if (deletions.length > 0) await drop(database, deletions);
}
