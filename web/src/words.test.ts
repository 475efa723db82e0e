/** What the demo says of the sync is true and tells what becomes of the person's changes. */
import { describe, expect, it } from 'vitest';
import type { SyncStatus } from 'tidemark';
import { ago, bytes, explain, plural, standing } from './words';

const idle: SyncStatus = { phase: 'idle', online: true, pending: 0, last_sync: '2026-11-22T04:41:01.000123Z' };

describe('standing', () => {
  it('is calm only when nothing is pending and a sync has been', () => {
    expect(standing(idle, true).tone).toBe('calm');
    expect(standing({ phase: 'idle', online: true, pending: 0 }, true).tone).not.toBe('calm');
    expect(standing({ ...idle, pending: 2 }, true)).toMatchObject({ tone: 'busy', short: '2 to send' });
  });

  it('says that changes are kept while offline', () => {
    const error = { code: 'offline' } as SyncStatus['error'] & object;
    expect(standing({ ...idle, pending: 1, error }, true).long).toMatch(/server does not answer.*1 change kept/);
    expect(standing({ ...idle, pending: 1 }, false).long).toContain('1 change kept on this device');
  });

  it('does not call what is set aside “to send”', () => {
    expect(standing({ ...idle, pending: 3 }, true, 3)).toMatchObject({ tone: 'trouble', short: '3 set aside' });
    expect(standing({ ...idle, pending: 3 }, true, 1).short).toBe('2 to send');
    expect(standing({ ...idle, pending: 3 }, false, 3).short).toBe('Offline');
  });

  it('shows how far a sync is', () => {
    const status: SyncStatus = { ...idle, phase: 'pushing', progress: { done: 999, total: 2000 } };
    expect(standing(status, true).short).toBe('Syncing 49 %');
  });
});

describe('explain', () => {
  it('knows the codes that a person can act on', () => {
    expect(explain({ code: 'unauthenticated', message: 'x' }).action).toBe('sign-in');
  });

  it('gives an unknown error’s own words', () => {
    expect(explain(new Error('The disk is on fire.')).title).toBe('The disk is on fire');
    expect(explain(undefined).title).toBeTruthy();
  });
});

describe('words', () => {
  it('tells times and sizes', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(ago('2026-11-22T11:59:40Z', now)).toBe('just now');
    expect(ago('2026-11-22T11:57:00Z', now)).toBe('3 minutes ago');
    expect(ago('2026-11-21T12:00:00Z', now)).toBe('yesterday');
    expect([bytes(0), bytes(999), bytes(1234), bytes(45_600_000)]).toEqual(['0 B', '999 B', '1.2 kB', '46 MB']);
    expect([plural(1, 'row'), plural(2000, 'row')]).toEqual(['1 row', '2,000 rows']);
  });
});
