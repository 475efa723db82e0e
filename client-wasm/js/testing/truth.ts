/** One user's truth in memory: a table of versions, and what mingling changes into it means (docs/protocol.md). */
import { ofAll, ofRecord, realKey, same } from './fingerprint.ts';

type Value = Record<string, unknown>;

/** Which commit of which device. */
interface Stamp {
  checkin: string;
  device: string;
}

/** What last changed each field of a value: those set since it was last replaced, and the rest of it. */
interface Stamps {
  rest: Stamp;
  fields: ReadonlyMap<string, Stamp>;
}

/** A record as of one checkin. */
export interface Version {
  key: string;
  entity: string;
  value: unknown;
  created: string;
  updated: string;
  deleted: boolean;
  checkin: string;
  device: string;
  stamps: Stamps;
  fingerprint: string;
  conflict?: string;
}

/** A record as a device pushes it. */
export interface Pushed {
  key: string;
  is_pending?: boolean;
  entity?: string;
  value?: unknown;
  created?: string;
  updated?: string;
  deleted?: boolean;
  base?: string;
  changed?: string[];
}

/** Two changes made without knowledge of each other. */
export interface StoredConflict {
  id: string;
  key: string;
  entity: string;
  fields: string[];
  base: string | null;
  checkin: string;
  truth: unknown;
  truth_device: string;
  truth_updated: string;
  device: unknown;
  device_uuid: string;
  device_updated: string;
  deleted?: 'truth' | 'device';
}

/** What a person decides: one side, or a value. */
export interface Choice {
  take?: 'truth' | 'device';
  value?: unknown;
}

/** Who settles conflicts: no device, so that every device hears of it. */
const SETTLER = '00000000-0000-0000-0000-000000000000';

/** What became of one pushed record. */
export type Outcome = 'created' | 'updated' | 'merged' | 'unchanged';

export class Truth {
  readonly conflicts = new Map<string, StoredConflict>();
  /** The keys that devices' own names stand for, and whether their device has heard. */
  readonly locals = new Map<string, { key: string; first: string | undefined; isConfirmed: boolean }>();
  readonly #versions = new Map<string, Version[]>();
  readonly #settled = new Map<string, Choice>();
  readonly #now: () => number;
  readonly #issued: string[] = [];
  #micros = 0;
  /** When the list of open conflicts was last another one. */
  conflictsChanged: string | null = null;

  constructor(now: () => number) {
    this.#now = now;
    this.commit();
  }

  get head(): string {
    return this.#issued.at(-1) ?? '';
  }

  hasIssued(checkin: string): boolean {
    return this.#issued.includes(checkin);
  }

  /** A new checkin, later than the one before. */
  commit(): string {
    this.#micros = Math.max(this.#now() * 1000, this.#micros + 1);
    const millis = Math.floor(this.#micros / 1000);
    const checkin = new Date(millis).toISOString().replace('Z', `${String(this.#micros - millis * 1000).padStart(3, '0')}Z`);
    this.#issued.push(checkin);
    return checkin;
  }

  /** The newest version at or before a checkin. */
  at(key: string, checkin: string): Version | undefined {
    return this.#versions.get(key)?.filter(version => version.checkin <= checkin).at(-1);
  }

  keys(): string[] {
    return [...this.#versions.keys()];
  }

  /** Every record as of a checkin. */
  live(checkin: string): Version[] {
    const all = this.keys().map(key => this.at(key, checkin));
    return all.filter((version): version is Version => version !== undefined && !version.deleted);
  }

  fingerprint(checkin: string): string {
    return ofAll(this.live(checkin).map(({ key, fingerprint }) => [key, fingerprint]));
  }

  /** The fields that changed after a checkin; nothing where all of it did. */
  changedSince({ stamps }: Version, since: string | null): string[] | undefined {
    if (since === null || stamps.rest.checkin > since) return undefined;
    return [...stamps.fields].filter(([, stamp]) => stamp.checkin > since).map(([field]) => field).sort();
  }

  /** The key that a pushed record goes by here. */
  keyOf(pushed: Pushed): string {
    const known = this.locals.get(pushed.key);
    if (known) return known.key;
    if (!pushed.is_pending) return pushed.key;
    const key = realKey(pushed.key, pushed.created ?? new Date(this.#now()).toISOString());
    this.locals.set(pushed.key, { key, first: undefined, isConfirmed: false });
    return key;
  }

  /** Brings one pushed record into the truth, as part of the commit `checkin`. */
  mingle(pushed: Pushed, device: string, checkin: string): Mingled {
    const key = this.keyOf(pushed);
    const local = this.locals.get(pushed.key);
    const current = this.at(key, checkin);
    const base = pushed.base ?? local?.first;
    const made = { checkin, device };
    if (!current) {
      if (pushed.deleted) return { outcome: 'unchanged' };
      if (local) local.first = checkin;
      this.#add(pushed, key, pushed.value, replaced(made), undefined, made);
      return { outcome: 'created' };
    }
    const edit = { pushed, base, current, made };
    return pushed.deleted ? this.#delete(edit) : this.#edit(edit);
  }

  /** Settles a conflict, by a change like any other that knew the record as of the conflict. False: it was settled otherwise. */
  settle(id: string, choice: Choice): boolean {
    const before = this.#settled.get(id);
    const conflict = this.conflicts.get(id);
    if (!conflict) return before !== undefined && same(before, choice);
    this.conflicts.delete(id);
    this.#settled.set(id, choice);
    const checkin = this.commit();
    this.conflictsChanged = checkin;
    const change = this.#decided(conflict, choice);
    if (change) this.mingle({ key: conflict.key, entity: conflict.entity, updated: new Date(this.#now()).toISOString(), ...change }, SETTLER, checkin);
    return true;
  }

  isSettled(id: string): boolean {
    return this.#settled.has(id);
  }

  /** What a decision makes of the record; nothing where it is so already. */
  #decided(conflict: StoredConflict, choice: Choice): Partial<Pushed> | undefined {
    const current = this.at(conflict.key, this.head);
    const isLive = current !== undefined && !current.deleted;
    const base = conflict.checkin;
    const { take } = choice;
    if (take !== undefined && take === conflict.deleted) return isLive ? { deleted: true, base } : undefined;
    const value = take === undefined ? choice.value : conflict[take];
    if (take !== undefined && conflict.fields.length > 0 && current) return { value, changed: conflict.fields, base };
    if (take !== undefined && conflict.deleted && isLive) return undefined;
    return { value, base: isLive || !current ? base : current.checkin };
  }

  /** An edit that did not know of a deletion survives it, and so the other way round. */
  #delete({ pushed, base, current, made }: Edit): Mingled {
    if (current.deleted || (made.device !== SETTLER && this.#ownSince(current.key, base, made.device).at(-1)?.deleted)) return { outcome: 'unchanged' };
    const unknown = stampsOf(current.stamps).filter(stamp => isUnknown(stamp, base, made.device));
    if (unknown.length > 0) {
      return { outcome: 'unchanged', conflict: this.#store({ pushed, base, current, made }, newest(unknown), [], current.value, null, 'device') };
    }
    this.#add(pushed, current.key, current.value, replaced(made), current, made);
    return { outcome: 'updated' };
  }

  #edit(edit: Edit): Mingled {
    const { pushed, base, current, made } = edit;
    const live = this.#versions.get(current.key)?.filter(version => !version.deleted).at(-1) ?? current;
    const isLostDeletion = current.deleted && isUnknown(current, base, made.device);
    if (current.deleted && this.#knowsDeletion(current, live, base, made.device)) {
      this.#add(pushed, current.key, this.#asSeen(edit, live), replaced(made), current, made);
      return { outcome: 'updated' };
    }
    const { value, stamps, contested, fields } = this.#isOneField(edit, live) ? this.#replace(edit, live) : this.#merge(edit, live);
    if (!stamps) return { outcome: 'unchanged' };
    const seen = this.#asSeen(edit, live);
    const conflict = isLostDeletion
      ? this.#store(edit, current, [], null, seen, 'truth')
      : contested.length > 0
        ? this.#store(edit, newest(contested), fields, live.value, seen)
        : undefined;
    this.#add(pushed, current.key, value, stamps, current, made, conflict?.id);
    const isMerged = isLostDeletion || stampsOf(live.stamps).some(stamp => isUnknown(stamp, base, made.device));
    return { outcome: isMerged ? 'merged' : 'updated', ...(conflict && { conflict }) };
  }

  /** Whether the device put back what it knew to be deleted, be it with the very value. */
  #knowsDeletion(tombstone: Version, live: Version, base: string | undefined, device: string): boolean {
    if (base === undefined) return false;
    return tombstone.checkin <= base || (tombstone.device === device && live.checkin <= base);
  }

  #isOneField({ pushed, base }: Edit, live: Version): boolean {
    if (!isObject(live.value)) return true;
    const under = base === undefined ? undefined : this.at(live.key, base);
    return !pushed.changed && (!isObject(pushed.value) || (under !== undefined && !isObject(under.value)));
  }

  /** A value that is not an object is one field. */
  #replace({ pushed, base, made }: Edit, live: Version): Merged {
    const value = edited(pushed, live.value);
    const all = stampsOf(live.stamps);
    const under = base === undefined ? undefined : this.at(live.key, base);
    const isMeant = pushed.changed || !under || newest(all).device === made.device || !same(under.value, value);
    const isRepeat = made.device !== SETTLER && same(this.#ownSince(live.key, base, made.device).at(-1)?.value, value);
    const isChange = !same(value, live.value) && isMeant && !isRepeat;
    const contested = all.filter(stamp => isUnknown(stamp, base, made.device));
    return { value, stamps: isChange ? replaced(made) : undefined, contested, fields: [] };
  }

  #merge({ pushed, base, made }: Edit, live: Version): Merged {
    const wanted = edited(pushed, live.value) as Value;
    const old = live.value as Value;
    const under = base === undefined ? undefined : this.at(live.key, base);
    const own = made.device === SETTLER ? [] : this.#ownSince(live.key, base, made.device);
    const isMeant = (field: string): boolean =>
      pushed.changed !== undefined || !under || stampOf(live.stamps, field).device === made.device || !same(wanted[field], (under.value as Value)[field]);
    const isRepeat = (field: string): boolean => {
      const said = own.filter(version => stampOf(version.stamps, field).checkin === version.checkin).at(-1);
      return said !== undefined && same((said.value as Value)[field], wanted[field]);
    };
    const fields = differing(wanted, old).filter(field => isMeant(field) && !isRepeat(field));
    const lost = fields.filter(field => isUnknown(stampOf(live.stamps, field), base, made.device)).sort();
    const stamps = new Map(live.stamps.fields);
    for (const field of fields) stamps.set(field, made);
    return {
      value: withFields(old, wanted, fields),
      stamps: fields.length > 0 ? { rest: live.stamps.rest, fields: stamps } : undefined,
      contested: lost.map(field => stampOf(live.stamps, field)),
      fields: lost,
    };
  }

  /** What a device itself made of a record after its base: it may be repeating that. */
  #ownSince(key: string, base: string | undefined, device: string): Version[] {
    return this.#versions.get(key)?.filter(version => version.device === device && (base === undefined || version.checkin > base)) ?? [];
  }

  /** What was pushed, as the device that pushed saw it: over the version that it knew. */
  #asSeen({ pushed, base }: Edit, live: Version): unknown {
    const under = base === undefined ? undefined : this.at(live.key, base);
    return edited(pushed, under && !under.deleted ? under.value : live.value);
  }

  #store({ pushed, base, current, made }: Edit, theirs: Stamp, fields: string[], truth: unknown, device: unknown, deleted?: 'truth' | 'device'): StoredConflict {
    const conflict: StoredConflict = {
      id: crypto.randomUUID(),
      key: current.key,
      entity: current.entity,
      fields,
      base: base ?? null,
      checkin: made.checkin,
      truth,
      truth_device: theirs.device,
      truth_updated: current.updated,
      device,
      device_uuid: made.device,
      device_updated: pushed.updated ?? current.updated,
      ...(deleted && { deleted }),
    };
    this.conflicts.set(conflict.id, conflict);
    this.conflictsChanged = made.checkin;
    return conflict;
  }

  #add(pushed: Pushed, key: string, value: unknown, stamps: Stamps, before: Version | undefined, made: Stamp, conflict?: string): void {
    const entity = before?.entity ?? pushed.entity ?? 'record';
    const now = new Date(this.#now()).toISOString();
    const versions = this.#versions.get(key) ?? [];
    if (versions.at(-1)?.checkin === made.checkin) versions.pop();
    versions.push({
      ...made,
      key,
      entity,
      value,
      created: before?.created ?? pushed.created ?? now,
      updated: pushed.updated ?? now,
      deleted: pushed.deleted ?? false,
      stamps,
      fingerprint: ofRecord(entity, value),
      ...(conflict === undefined ? {} : { conflict }),
    });
    this.#versions.set(key, versions);
  }
}

/** A pushed record, and what it meets. */
interface Edit {
  pushed: Pushed;
  base: string | undefined;
  current: Version;
  made: Stamp;
}

/** What became of it. */
interface Mingled {
  outcome: Outcome;
  conflict?: StoredConflict;
}

/** What an edit comes to: no stamps where nothing changes. */
interface Merged {
  value: unknown;
  stamps: Stamps | undefined;
  contested: Stamp[];
  fields: string[];
}

function replaced(made: Stamp): Stamps {
  return { rest: made, fields: new Map() };
}

function stampOf({ rest, fields }: Stamps, field: string): Stamp {
  return fields.get(field) ?? rest;
}

function stampsOf({ rest, fields }: Stamps): Stamp[] {
  return [rest, ...fields.values()];
}

function newest(stamps: readonly Stamp[]): Stamp {
  return stamps.reduce((one, other) => (other.checkin > one.checkin ? other : one));
}

/** Whether a device that knows all up to `base`, and its own, does not know of this. */
function isUnknown(stamp: Stamp, base: string | undefined, device: string): boolean {
  return stamp.device !== device && (base === undefined || stamp.checkin > base);
}

function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields in which two values differ. */
function differing(one: Value, other: Value): string[] {
  const all = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...all].filter(field => !same(one[field], other[field]));
}

/** The value that a push means, over the one that is there. */
function edited(pushed: Pushed, current: unknown): unknown {
  if (!pushed.changed) return pushed.value;
  return withFields(isObject(current) ? current : {}, isObject(pushed.value) ? pushed.value : {}, pushed.changed);
}

/** A value with some fields as in another one; those that it lacks are removed. */
function withFields(value: Value, other: Value, fields: readonly string[]): Value {
  const result = { ...value };
  for (const field of fields) {
    if (field in other) result[field] = other[field];
    else delete result[field];
  }
  return result;
}
