/** A native modal dialog: it keeps the focus, gives it back, and closes on Escape or a click outside. */
import { X } from 'lucide-react';
import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

interface Props {
  title: string;
  open: boolean;
  onClose(): void;
  children: ReactNode;
  wide?: boolean;
  /** Its title has the focus at first, so that a key pressed while it opens does nothing. */
  calm?: boolean;
}

export function Dialog({ title, open, onClose, children, wide, calm }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before anything is painted: else a dialog stands there empty for a moment, and takes an Escape
  // that was meant for the one below it.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (open && !dialog?.open) {
      dialog?.showModal();
      if (calm) dialog?.querySelector('h2')?.focus();
    }
    if (!open && dialog?.open) dialog.close();
  }, [open, calm]);
  return (
    <dialog
      ref={ref}
      className={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      // React lets both events rise from a dialog within this one.
      onClose={(event) => event.target === ref.current && onClose()}
      onClick={(event) => event.target === ref.current && onClose()}
    >
      {open && (
        <div className="dialog-body">
          <header>
            <h2 id={id} {...(calm && { tabIndex: -1 })}>{title}</h2>
            <button className="icon-button" aria-label="Close" onClick={onClose}>
              <X aria-hidden size={20} />
            </button>
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
