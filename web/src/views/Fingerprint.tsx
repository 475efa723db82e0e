/** What records hash to, for people: 64 hex digits in groups, and a band of colours that the eye can compare. */
import { Equal, EqualNot } from 'lucide-react';

export function Fingerprint({ text, testId }: { text: string; testId: string }) {
  const groups = text.match(/.{1,8}/g) ?? [];
  return (
    <div className="fingerprint" data-testid={testId} data-value={text}>
      <div className="bands" aria-hidden>
        {groups.map((group, at) => <span key={at} style={{ '--hue': parseInt(group.slice(0, 4), 16) % 360 } as React.CSSProperties} />)}
      </div>
      <code>{groups.join(' ')}</code>
    </div>
  );
}

/** This device's and the server's, one above the other. */
export function Fingerprints({ here, there }: { here: string; there: string | undefined }) {
  const same = here === there;
  const [Icon, words] = same
    ? [Equal, 'Equal: both sides hold the same records, byte for byte.']
    : [EqualNot, 'Not equal: one side holds what the other does not have yet.'];
  return (
    <div className="fingerprints">
      <div>
        <h3>This device</h3>
        <Fingerprint text={here} testId="fingerprint" />
      </div>
      {there !== undefined && (
        <>
          <p className={same ? 'verdict same' : 'verdict'} data-testid="fingerprint-verdict"><Icon aria-hidden size={17} /> {words}</p>
          <div>
            <h3>The server</h3>
            <Fingerprint text={there} testId="truth-fingerprint" />
          </div>
        </>
      )}
    </div>
  );
}
