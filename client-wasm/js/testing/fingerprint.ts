/** Keys and fingerprints, as docs/protocol.md says they are made. */
import { createHash } from 'node:crypto';

export const EMPTY = '0'.repeat(64);

/** What a record's content hashes to. */
export function ofRecord(entity: string, value: unknown): string {
  return createHash('sha256').update(canonical({ entity, value })).digest('hex').slice(0, 32);
}

/** What all these records hash to: keys and the records' own fingerprints. */
export function ofAll(records: Iterable<readonly [key: string, fingerprint: string]>): string {
  let sum = 0n;
  for (const [key, fingerprint] of records) {
    const bytes = fingerprint.match(/../g)?.map(pair => Number.parseInt(pair, 16)) ?? [];
    const hash = createHash('sha256').update(key).update(Uint8Array.of(0, ...bytes)).digest('hex');
    sum = (sum + BigInt(`0x${hash}`)) % (1n << 256n);
  }
  return sum.toString(16).padStart(64, '0');
}

/** The real key of a record that a device made. */
export function realKey(localId: string, created: string): string {
  const time = Date.parse(created).toString(16).padStart(12, '0').slice(-12);
  const hash = createHash('sha256').update(localId.toLowerCase()).digest();
  const rest = [...hash.slice(0, 10)];
  rest[0] = ((rest[0] ?? 0) & 0x0f) | 0x70;
  rest[2] = ((rest[2] ?? 0) & 0x3f) | 0x80;
  const hex = time + rest.map(byte => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Whether two values are the same JSON. */
export function same(one: unknown, other: unknown): boolean {
  return one === other || (one !== undefined && other !== undefined && canonical(one) === canonical(other));
}

/** RFC 8785: members in the order of their names in UTF-16, which is the one that JavaScript sorts by. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}
