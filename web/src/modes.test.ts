/** What a sync may cost is asked before it begins, and told with its numbers where it is held. */
import { describe, expect, it } from 'vitest';
import { alarm, clash, DIRECTIONS, howOf, MODES, questionBefore } from './modes';

describe('howOf', () => {
  it('asks for nothing that is so anyway', () => {
    expect(howOf('auto', 'both', false)).toEqual({});
    expect(howOf('auto', 'both', true)).toEqual({});
    expect(howOf('repair', 'pull', true)).toEqual({ mode: 'repair', direction: 'pull', mirror: true });
  });
});

describe('clash', () => {
  it('is what the protocol refuses', () => {
    const pairs = MODES.flatMap((mode) => DIRECTIONS.map((direction) => [mode.name, direction.name] as const));
    const refused = pairs.filter(([mode, direction]) => clash(mode, direction) !== undefined);
    expect(refused).toEqual([['pull_truth', 'push'], ['push_truth', 'pull']]);
  });
});

describe('questionBefore', () => {
  it('lets through what loses nothing', () => {
    for (const mode of ['auto', 'fast', 'repair', 'refresh'] as const) {
      for (const direction of ['both', 'pull', 'push'] as const) expect(questionBefore({ mode, direction }, 3)).toBeUndefined();
    }
  });

  it('asks before what may cost something, and says what becomes of what waits', () => {
    expect(questionBefore({ mode: 'pull_truth' }, 2)?.text).toContain('2 changes not sent yet will be set aside');
    expect(questionBefore({ mode: 'pull_truth' }, 0)?.text).not.toContain('set aside');
    expect(questionBefore({ direction: 'pull', mirror: true }, 1)?.text).toContain('1 change not sent yet');
    expect(questionBefore({ direction: 'push', mirror: true }, 0)?.title).toContain('Mirror this device');
    expect(questionBefore({ mode: 'slow' }, 0)?.text).toContain('deleted on the server');
  });

  it('leaves the truth’s replacing to the airbag, which always asks', () => {
    expect(questionBefore({ mode: 'push_truth' }, 0)).toBeUndefined();
    expect(questionBefore({ mode: 'push_truth', direction: 'push', mirror: true }, 0)).toBeUndefined();
  });
});

describe('alarm', () => {
  it('says how much of how much', () => {
    const told = alarm({ deletes: 40, changes: 0, live: 1200, how: {} });
    expect(told.title).toBe('Delete 40 records on the server?');
    expect(told.text).toMatch(/would delete 40 of the 1,200 records on the server/);
    expect(alarm({ deletes: 47, changes: 0, live: 47, how: {} }).text).toMatch(/delete all 47 records on/);
    expect(alarm({ deletes: 25, changes: 3, live: 50, how: {} }).text).toMatch(/delete 25 and change 3 of the 50 records/);
    expect(alarm({ deletes: 0, changes: 1, live: 1, how: { mode: 'slow' } }).title).toBe('Change 1 record on the server?');
    expect(alarm({ deletes: 30, changes: 0, live: 90, how: {} }).done).toBe('30 records deleted on the server.');
  });

  it('calls a replacing what it is', () => {
    const told = alarm({ deletes: 0, changes: 0, live: 5, how: { mode: 'push_truth' } });
    expect(told.title).toBe('Replace the server’s records?');
    expect(told.text).toContain('change none of the 5 records');
    expect(alarm({ deletes: 9, changes: 9, live: 18, how: { direction: 'push', mirror: true } }).go).toBe('Replace them');
  });
});
