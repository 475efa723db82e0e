/** A question before something that cannot simply be taken back. */
import type { Question } from '../modes';
import { Dialog } from './Dialog';

interface Props {
  question: Question | undefined;
  onYes(): void;
  onNo(): void;
}

export function Confirm({ question, onYes, onNo }: Props) {
  return (
    <Dialog title={question?.title ?? ''} open={question !== undefined} onClose={onNo}>
      <p>{question?.text}</p>
      <div className="buttons end">
        <button className="button" onClick={onNo}>Leave it</button>
        <button className="button danger" onClick={onYes}>{question?.yes}</button>
      </div>
    </Dialog>
  );
}
