/** The sync protocol over one user's truth: open, push, pull, finish, and the conflicts (docs/protocol.md). */
import { EMPTY, ofAll } from './fingerprint.ts';
import { Refused } from './refused.ts';
import type { Pushed, Truth, Version } from './truth.ts';

const LIMITS = { push_records: 2000, pull_records: 2000, body_bytes: 8_388_608 };

/** The airbag: this many deletions, and this share of what lives. */
const AIRBAG = { deletes: 20, share: 0.2 };

type Body = Record<string, any>;

/** What a device said that it stored, of a record as of a checkin; nothing where it is deleted. */
interface Held {
  fingerprint: string | undefined;
  checkin: string;
}

interface Device {
  attempt: string | undefined;
  lastSync: string | null;
  held: Map<string, Held>;
  session: Session | undefined;
}

interface Session {
  uuid: string;
  direction: string;
  /** From where it pulls, and up to where. */
  start: string | null;
  end: string;
  /** A device that holds nothing has no use for tombstones. */
  isEmpty: boolean;
  staged: Map<number, Pushed[]>;
  /** By key, what the device calls what it pushed. */
  pushed: Map<string, string>;
  /** Pushed and deleted before the truth ever heard of them. */
  dead: Pushed[];
  conflicts: Map<string, string>;
  pulled: Map<string, Held>;
  acked: Map<string, Held> | undefined;
}

export class Sessions {
  readonly #truth: Truth;
  readonly #datastore: string;
  readonly #devices = new Map<string, Device>();

  constructor(truth: Truth, datastore: string) {
    this.#truth = truth;
    this.#datastore = datastore;
  }

  /** Answers one call, with the phases that ride on it. */
  call(path: string, body: Body | undefined): Body {
    if (path === '/v1/sync/open') return this.#withRiding(body ?? {}, this.#open(body ?? {}), ['push', 'pull', 'finish']);
    if (path === '/v1/sync/push') return this.#withRiding(body ?? {}, this.#push(body ?? {}), ['pull', 'finish']);
    if (path === '/v1/sync/pull') return this.#withRiding(body ?? {}, this.#pull(body ?? {}), ['finish']);
    if (path === '/v1/sync/finish') return this.#finish(body ?? {});
    if (path === '/v1/sync/cancel') return this.#cancel(body ?? {});
    if (path === '/v1/conflicts') return this.#conflicts();
    const [, id] = /^\/v1\/conflicts\/(.+)$/.exec(path) ?? [];
    if (id !== undefined) return this.#settle(decodeURIComponent(id), body ?? {});
    throw new Refused('not_found', `the fake server has no ${path}: for that, test against the real one`);
  }

  #withRiding(body: Body, answer: Body, phases: ('push' | 'pull' | 'finish')[]): Body {
    const sync_uuid = body['sync_uuid'] ?? answer['sync_uuid'];
    if (sync_uuid === null || 'staged' in answer) return answer;
    for (const phase of phases) {
      if (body[phase] === undefined || body[phase] === null) continue;
      const riding = { ...body[phase], sync_uuid };
      try {
        answer[phase] = phase === 'push' ? this.#push(riding) : phase === 'pull' ? this.#pull(riding) : this.#finish(riding);
      } catch (thrown) {
        if (!(thrown instanceof Refused)) throw thrown;
        answer[phase] = thrown.problem;
        break;
      }
      if ('staged' in answer[phase]) break;
    }
    return answer;
  }

  #open(body: Body): Body {
    const previous = this.#previous(body['previous']);
    const { device_uuid, attempts = [], mode = 'auto', direction = 'both', mirror = false, last_sync = null, pending = 0, fingerprint } = body;
    const device: Device = this.#devices.get(device_uuid) ?? { attempt: undefined, lastSync: null, held: new Map(), session: undefined };
    this.#devices.set(device_uuid, device);
    if (last_sync !== null && !this.#truth.hasIssued(last_sync)) throw unsupported('a database that has synced with another server');
    const attempt: string | undefined = attempts.at(-1);
    if (device.attempt !== undefined && device.attempt === attempt) throw new Refused('session_gone', 'this attempt has had its session');
    if (device.attempt !== undefined && !attempts.includes(device.attempt)) throw new Refused('stale_device', 'this is a copy of the device, or a late call');
    if (mirror || !['auto', 'fast', 'pull_truth'].includes(mode)) throw unsupported(mirror ? 'mirror' : `the mode ${mode}`);
    const head = this.#truth.head;
    const common = { datastore: this.#datastore, max_checkin: head, conflicts: this.#summary(), limits: LIMITS, ...(previous && { previous }) };
    if (mode === 'auto' && pending === 0 && fingerprint === this.#expected(device, head)) {
      return { ...common, sync_uuid: null, last_sync: head, mode: 'fast', in_sync: true };
    }
    const start = mode === 'pull_truth' ? null : last_sync;
    if (mode !== 'pull_truth' && fingerprint !== undefined && fingerprint !== this.#expected(device, start)) throw unsupported('a repair');
    device.attempt = attempt;
    device.session = {
      uuid: crypto.randomUUID(),
      direction,
      start,
      end: head,
      isEmpty: start === null && (mode === 'pull_truth' || (fingerprint ?? EMPTY) === EMPTY),
      staged: new Map(),
      pushed: new Map(),
      dead: [],
      conflicts: new Map(),
      pulled: new Map(),
      acked: undefined,
    };
    return { ...common, sync_uuid: device.session.uuid, last_sync: start, mode: mode === 'auto' ? 'fast' : mode, in_sync: false };
  }

  /** The finish of the session before, which never fails the open that it came with. */
  #previous(previous: Body | undefined): Body | undefined {
    if (!previous) return undefined;
    try {
      return { finish: this.#finish({ ...previous['finish'], sync_uuid: previous['sync_uuid'] }) };
    } catch (thrown) {
      if (!(thrown instanceof Refused)) throw thrown;
      return thrown.problem;
    }
  }

  #push(body: Body): Body {
    const [uuid, , session] = this.#session(body);
    if (session.direction === 'pull') throw new Refused('forbidden', 'this session only pulls');
    session.staged.set(body['seq'] ?? 0, body['records']);
    const records = [...session.staged].sort(([one], [other]) => one - other).flatMap(([, batch]) => batch);
    if (body['more']) return { staged: records.length };
    this.#airbag(records, body['confirm'] ?? false);
    session.staged.clear();
    const answer = { received: 0, created: 0, updated: 0, merged: 0, unchanged: 0, conflicts: 0, rejected: [] as Body[], max_checkin: '' };
    const checkin = records.length > 0 ? this.#truth.commit() : this.#truth.head;
    for (const [index, record] of records.entries()) {
      answer.received += 1;
      const problem = this.#judge(record);
      if (problem) answer.rejected.push({ key: record.key, index, problem: problem.problem });
      else this.#mingle(record, uuid, session, checkin, answer);
    }
    session.end = answer.max_checkin = this.#truth.head;
    return answer;
  }

  #mingle(record: Pushed, device: string, session: Session, checkin: string, answer: { conflicts: number } & Record<'created' | 'updated' | 'merged' | 'unchanged', number>): void {
    const { outcome, conflict } = this.#truth.mingle(record, device, checkin);
    answer[outcome] += 1;
    const key = this.#truth.keyOf(record);
    session.pushed.set(key, record.key);
    if (record.deleted && !this.#truth.at(key, checkin)) session.dead.push(record);
    if (conflict) {
      answer.conflicts += 1;
      session.conflicts.set(key, conflict.id);
    }
  }

  /** Why a record cannot be taken. */
  #judge(record: Pushed): Refused | undefined {
    if (typeof record.key !== 'string' || record.key === '' || record.key.length > 255) return new Refused('bad_key', 'a key has 1 to 255 bytes');
    if (record.deleted) return undefined;
    if (record.value === undefined && !record.changed) return new Refused('bad_record', 'the record has no value');
    const isKnown = this.#truth.at(this.#truth.keyOf(record), this.#truth.head) !== undefined;
    return record.changed && !isKnown ? new Refused('need_whole', 'the record is not known here: send it whole') : undefined;
  }

  #airbag(records: readonly Pushed[], isConfirmed: boolean): void {
    const deletes = records.filter(({ deleted }) => deleted).length;
    const live = this.#truth.live(this.#truth.head).length;
    if (isConfirmed || deletes < AIRBAG.deletes || deletes <= live * AIRBAG.share) return;
    throw new Refused('airbag', `this would delete ${deletes} of ${live} records`, { deletes, changes: 0, live });
  }

  #pull(body: Body): Body {
    const [, , session] = this.#session(body);
    for (const { key, fingerprint } of body['acks'] ?? []) {
      session.acked ??= new Map();
      const held = session.pulled.get(key);
      if (held && fingerprint !== undefined) session.acked.set(key, { ...held, fingerprint });
    }
    const window = this.#window(session).filter(version => body['cursor'] == null || place(version) > body['cursor'] || session.pushed.has(version.key));
    const rest = window.filter(({ key }) => !session.pulled.has(key));
    const page = rest.slice(0, Math.max(1, Math.min(body['limit'] ?? LIMITS.pull_records, LIMITS.pull_records)));
    for (const { key, deleted, fingerprint, checkin } of page) session.pulled.set(key, { fingerprint: deleted ? undefined : fingerprint, checkin });
    const last = page.at(-1);
    const remaining = rest.length - page.length;
    const records = page.map(version => this.#told(version, session));
    const dead = remaining > 0 ? [] : session.dead.map(({ key }) => ({ key, local_id: key, deleted: true, checkin: session.end }));
    return { records: [...records, ...dead], cursor: remaining > 0 && last ? place(last) : null, remaining };
  }

  /** What a session's device has not seen, and all that it pushed, in order. */
  #window({ start, end, direction, isEmpty, pushed }: Session): Version[] {
    const versions = this.#truth.keys().flatMap(key => this.#truth.at(key, end) ?? []);
    const due = ({ key, checkin, deleted }: Version): boolean =>
      pushed.has(key) || (direction !== 'push' && (start === null || checkin > start) && !(deleted && isEmpty));
    return versions.filter(due).sort((one, other) => (place(one) < place(other) ? -1 : 1));
  }

  /** A version as the server tells it. */
  #told(version: Version, session: Session): Body {
    const { key, entity, value, created, updated, checkin, fingerprint, deleted } = version;
    const name = session.pushed.get(key);
    const conflict = session.conflicts.get(key) ?? version.conflict;
    const changed = this.#truth.changedSince(version, session.start);
    return {
      key, entity, created, updated, checkin, is_pending: false,
      ...(deleted ? { deleted } : { value, fingerprint, ...(changed && { changed }) }),
      ...(name !== undefined && name !== key && { local_id: name }),
      ...(conflict !== undefined && { conflict }),
    };
  }

  #finish(body: Body): Body {
    const [, device, session] = this.#session(body);
    const { last_update = null, fingerprint } = body;
    if (last_update !== null && !this.#truth.hasIssued(last_update)) throw new Refused('malformed', 'last_update is no checkin of this truth');
    for (const [key, held] of session.acked ?? session.pulled) device.held.set(key, held);
    if (last_update !== null) device.lastSync = last_update;
    const in_sync = fingerprint === undefined || fingerprint === this.#expected(device, device.lastSync);
    if (in_sync) device.session = undefined;
    return { in_sync, last_sync: device.lastSync, conflicts: this.#summary() };
  }

  #cancel(body: Body): Body {
    const [, device] = this.#session(body);
    device.session = undefined;
    return {};
  }

  #conflicts(): Body {
    const { conflicts } = this.#truth;
    return { conflicts: [...conflicts.values()], cursor: null, remaining: 0, ...this.#summary() };
  }

  #settle(id: string, body: Body): Body {
    if (!this.#truth.settle(id, body)) {
      if (this.#truth.isSettled(id)) throw new Refused('settled', 'the conflict was settled otherwise');
      throw new Refused('not_found', 'there is no such conflict');
    }
    return { id, settled: this.#truth.head, conflicts: this.#summary() };
  }

  #summary(): { open: number; changed: string | null } {
    return { open: this.#truth.conflicts.size, changed: this.#truth.conflictsChanged };
  }

  /** What a device is taken to hold at a checkin: the truth's records, or those of its own that are newer. */
  #expected(device: Device, checkin: string | null): string {
    const keys = new Set([...this.#truth.keys(), ...device.held.keys()]);
    const records: [string, string][] = [];
    for (const key of keys) {
      const version = checkin === null ? undefined : this.#truth.at(key, checkin);
      const held = device.held.get(key);
      const told = version?.deleted ? undefined : version?.fingerprint;
      const fingerprint = held && (!version || held.checkin >= version.checkin) ? held.fingerprint : told;
      if (fingerprint !== undefined) records.push([key, fingerprint]);
    }
    return ofAll(records);
  }

  #session(body: Body): [uuid: string, device: Device, session: Session] {
    for (const [uuid, device] of this.#devices) {
      if (device.session?.uuid === body['sync_uuid'] && device.session) return [uuid, device, device.session];
    }
    throw new Refused('session_gone', 'the session is over: open again');
  }
}

/** Where a version comes in a pull. */
function place({ checkin, key }: Version): string {
  return `${checkin} ${key}`;
}

function unsupported(what: string): Refused {
  return new Refused('malformed', `the fake server does not know ${what}: for that, test against the real one`);
}
