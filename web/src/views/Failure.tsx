/** Shown when the database cannot be opened at all, or not be read. */
import { Component, useState, type ReactNode } from 'react';
import { forgetCurrentUser } from '../accounts';
import { explain } from '../words';
import { Mark } from './Mark';

export function Failure({ error }: { error: unknown }) {
  const { title, help } = explain(error);
  const [detail] = useState(() => (error instanceof Error ? error.message : String(error)));
  const leave = () => {
    forgetCurrentUser();
    location.reload();
  };
  return (
    <main className="sign-in">
      <div className="sign-in-card" role="alert">
        <Mark size={48} />
        <h1>{title}</h1>
        <p className="lead">{help}</p>
        {detail !== title && <p className="hint">{detail}</p>}
        <div className="buttons">
          <button className="button primary" onClick={() => location.reload()}>Try again</button>
          <button className="button" onClick={leave}>Use another name</button>
        </div>
      </div>
    </main>
  );
}

/** Shows what went wrong in what it holds, instead of it. */
export class FailureBoundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    return 'error' in this.state ? <Failure error={this.state.error} /> : this.props.children;
  }
}
