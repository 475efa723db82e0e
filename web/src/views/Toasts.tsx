/** Short messages that come and go, with at most one thing to do about them. */
import { X } from 'lucide-react';
import { createContext, useCallback, useContext, useRef, useState, type ReactNode } from 'react';

export interface Toast {
  text: string;
  action?: { label: string; run(): void };
  /** Stays until it is dismissed. */
  stays?: boolean;
}

const SHOWN_MS = 6000;
const ToastContext = createContext<(toast: Toast) => void>(() => undefined);

/** Shows a short message. */
export function useToast(): (toast: Toast) => void {
  return useContext(ToastContext);
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<(Toast & { id: number })[]>([]);
  const next = useRef(0);
  const drop = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const show = useCallback((toast: Toast) => {
    const id = next.current++;
    setToasts((all) => [...all.slice(-2), { ...toast, id }]);
    if (!toast.stays) setTimeout(() => drop(id), SHOWN_MS);
  }, [drop]);
  return (
    <ToastContext value={show}>
      {children}
      <div className="toasts" role="log" aria-label="Messages">
        {toasts.map(({ id, text, action }) => (
          <div className="toast" key={id}>
            <span>{text}</span>
            {action && (
              <button
                className="toast-action"
                onClick={() => {
                  action.run();
                  drop(id);
                }}
              >
                {action.label}
              </button>
            )}
            <button className="icon-button" aria-label="Dismiss" onClick={() => drop(id)}>
              <X aria-hidden size={16} />
            </button>
          </div>
        ))}
      </div>
    </ToastContext>
  );
}
