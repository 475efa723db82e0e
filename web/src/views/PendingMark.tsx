/** A small mark on a record that the server does not have yet, or would not take. */
import type { Doc } from 'tidemark';

const WORDS: Partial<Record<Doc['state'], string>> = {
  created: 'Waiting to be sent',
  updated: 'Changes waiting to be sent',
  deleted: 'Deletion waiting to be sent',
  rejected: 'Set aside: the server does not have this',
};

export function PendingMark({ state }: { state: Doc['state'] }) {
  const words = WORDS[state];
  if (!words) return null;
  return (
    <span className={state === 'rejected' ? 'pending rejected' : 'pending'} title={words}>
      <span className="visually-hidden">{words}</span>
    </span>
  );
}
