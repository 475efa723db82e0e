/**
 * Tidemark: records that are on the device first, and in step with a server whenever there is
 * a network. This file is the package's whole public face.
 */

/** Whatever JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };

/** How a local database is opened. */
export interface OpenOptions {
  /** The name of the IndexedDB database; one per signed-in user keeps users apart. */
  name: string;
  /** The server's address, such as `https://sync.example.com`. Without it the database is local, and `connect` may come later. */
  server?: string | URL | undefined;
  /** The token, or what gives one: asked at the first sync, and again whenever the server answers 401. */
  token?: Token | undefined;
  /** The datastore to belong to; the user's own if left out. It counts at the first sync. */
  datastore?: string | undefined;
  /** For each entity, the fields, or lists of fields, by which it is looked up or ordered. */
  indexes?: Readonly<Record<string, readonly (string | readonly string[])[]>> | undefined;
  /** Whether to sync by itself: at start, soon after a change, when another device has synced, when the network or the person returns, as the page is hidden, and now and then. `auto` if left out. */
  sync?: 'auto' | 'manual' | undefined;
  /** When a write counts as saved: once the system has it (`relaxed`, the default), or once it is flushed to the disk. */
  durability?: 'relaxed' | 'strict' | undefined;
  /** Whether to ask the browser, after the first write by a person who has done something on the page, to keep this origin's data even when the disk is nearly full; `true` if left out. `info().storage.persisted` tells what came of it. */
  persist?: boolean | undefined;
  /** What the server keeps of this device: a name that its owner recognises in a list; and which way its records flow, in each sync that does not ask for one. */
  device?: DeviceOptions | undefined;
  /** The WebAssembly module, where the bundler does not find it by itself: its address, or its bytes. The first `open` decides. */
  wasm?: string | URL | BufferSource | WebAssembly.Module | undefined;
}

/** What the server keeps of a device. */
export interface DeviceOptions {
  /** What its owner recognises it by. */
  name?: string | undefined;
  /** Which way its records flow, where a sync does not say. */
  direction?: SyncOptions['direction'];
  /** With one direction: whether the receiving side is made equal to the sending one. */
  mirror?: SyncOptions['mirror'];
}

/** A JWT, or a function that gives one. */
export type Token = string | (() => string | null | undefined | Promise<string | null | undefined>);

/** What a database talks to. */
export interface ConnectOptions {
  /** The server's address. */
  server: string | URL;
  /** The token, or what gives one. */
  token?: Token | undefined;
  /** The datastore to belong to, if the database belongs to none yet. */
  datastore?: string | undefined;
  /** Whether to sync by itself; `auto` if left out. */
  sync?: 'auto' | 'manual' | undefined;
}

/** Opens a local database, making it where there is none. Nothing is fetched but the WebAssembly module, at the first call. */
export function open(options: OpenOptions): Promise<Database>;

/** An open local database. */
export interface Database {
  /** The name it was opened by. */
  readonly name: string;
  /** The records of one entity. `T` is what their values look like; nothing checks it. */
  collection<T = Json>(entity: string): Collection<T>;
  /**
   * Several writes as one: all of them are saved, in one commit, or none. Reads in it see its
   * own writes. `work` may run again, if something else was written meanwhile, so it should
   * change nothing but the batch. A `work` that throws leaves nothing.
   */
  batch<R>(work: (batch: Batch) => R | Promise<R>): Promise<Awaited<R>>;
  /** Brings the database and the server in step, now. One tab syncs at a time; this waits for its turn. */
  sync(options?: SyncOptions): Promise<SyncReport>;
  /** Talks to this server from now on. */
  connect(options: ConnectOptions): Promise<void>;
  /** Talks to no server until `connect`; a sync under way is cancelled. Local work goes on. */
  disconnect(): void;
  /** How the sync stands, in whichever tab it runs. */
  readonly status: SyncStatus;
  /** Calls back at each event of this kind; the answer is what stops it. */
  on<Name extends keyof Events>(event: Name, listener: (detail: Events[Name]) => void): () => void;
  /** The records that are not in the truth yet, those deleted or refused among them. */
  pending(): Promise<Doc[]>;
  /** What two devices changed without knowing of each other and waits for a person, oldest first; as the last sync found it, also with no network. */
  conflicts(): Promise<Conflict[]>;
  /**
   * Settles a conflict: as the truth had it, as the device that pushed had it, or with a whole value
   * of your own. It leaves `conflicts()` at once, with no network too; the next sync sends the
   * decision, and what it changes comes back to every device like any other change. Fails with
   * `not_found` where no conflict waits under this id.
   */
  resolve(id: string, choice: Choice): Promise<void>;
  /** What this database is and holds, and how much storage there is. */
  info(): Promise<Info>;
  /** Closes it for good, once the writes under way are saved. Further calls fail with `closed`. */
  close(): Promise<void>;
  /** Closes it and deletes it from this device. Fails with `pending` while records or decisions are not in the truth yet, unless told otherwise. */
  destroy(options?: { evenIfPending?: boolean | undefined }): Promise<void>;
}

/** The writes and reads of a batch. */
export interface Batch {
  /** The records of one entity, as the batch sees them. */
  collection<T = Json>(entity: string): BatchCollection<T>;
}

/** The records of one entity, within a batch. */
export interface BatchCollection<T = Json> {
  /** Makes a record. */
  create(value: T): Promise<Doc<T>>;
  /** Makes records, in order. */
  createMany(values: readonly T[]): Promise<Doc<T>[]>;
  /** The record of this key, or of this `local_id` even after the real key came. */
  get(key: string): Promise<Doc<T> | undefined>;
  /** The records of these keys, in their order. */
  getMany(keys: readonly string[]): Promise<(Doc<T> | undefined)[]>;
  /** Sets the fields named and leaves the others; a field set to `undefined` is removed. Fails with `not_found` where there is no record. */
  update(key: string, fields: Partial<T>): Promise<Doc<T>>;
  /** Replaces the whole value; makes the record under this key where there is none. */
  put(key: string, value: T): Promise<Doc<T>>;
  /** Deletes the record, if there is one. */
  delete(key: string): Promise<void>;
  /** Drops this record's local edits: it is again as the server last confirmed it, or gone if it never did. */
  undo(key: string): Promise<void>;
  /** The records that match, in order. */
  find(query?: Query<T>): Promise<Doc<T>[]>;
  /** How many records match. */
  count(query?: Query<T>): Promise<number>;
}

/** The records of one entity. Each write settles when it is saved on the device. */
export interface Collection<T = Json> extends BatchCollection<T> {
  /** Calls back at once with the present rows, then after each commit that changes them, from this tab, another one, or a sync. The answer is what stops it. A failed read goes to `failed`, or is reported as uncaught; the next commit reads again. */
  watch(query: Query<T>, listener: (rows: Doc<T>[]) => void, failed?: (error: TidemarkError) => void): () => void;
  /** The same by the contract of Svelte stores: `subscribe` calls back at once and gives what stops it. */
  live(query?: Query<T>): Live<Doc<T>[]>;
  /** Walks over the records that match, without holding them all. It sees changes made while it walks. */
  each(query?: Query<T>): AsyncIterable<Doc<T>>;
}

/** Something that can be watched. */
export interface Live<T> {
  /** Calls back with the present state and each later one. The answer is what stops it. */
  subscribe(listener: (state: T) => void): () => void;
}

/** A record as the app sees it. */
export interface Doc<T = Json> {
  /** Its key: the real one, or its `local_id` until the server has given one. */
  key: string;
  /** What kind of record it is. */
  entity: string;
  /** Its value; a copy, to change at will. */
  value: T;
  /** When it was made, by the clock of the device that made it (RFC 3339). */
  created: string;
  /** When it was last changed, likewise. */
  updated: string;
  /** A name that never changes on this device, even as `key` does: for list keys and addresses. */
  handle: string;
  /** True until the server has given its key. */
  is_pending: boolean;
  /** How it stands to the truth. `deleted` is seen only in `pending()`. */
  state: 'synced' | 'created' | 'updated' | 'deleted' | 'rejected';
  /** The key that this device gave it, while it is pending. */
  local_id?: string;
  /** Why it was refused, or (`truth_pushed`, `pull_truth`) set aside when the server's records were taken instead. */
  problem?: Problem;
}

/** Two changes of one record, made without knowledge of each other; both sides are kept whole. */
export interface Conflict {
  /** Its name. */
  id: string;
  /** The record's key. */
  key: string;
  /** What kind of record it is. */
  entity: string;
  /** The fields that both sides changed; none where the record as a whole is meant. */
  fields: string[];
  /** The moment of the truth that the pushed change was made on, if it is known. */
  base?: string | null;
  /** The moment of the truth at which it arose. */
  checkin: string;
  /** The whole value in the truth when the push came; `null` also where it was deleted. */
  truth: Json;
  /** The device that made the truth's side. */
  truth_device: string;
  /** That device's clock when it did (RFC 3339), if it told. */
  truth_updated?: string;
  /** The whole value as the device that pushed saw it; `null` also where it deleted the record. */
  device: Json;
  /** The device that pushed; compare with `device_uuid` of `info()`. Which side stands meanwhile is the policy's word. */
  device_uuid: string;
  /** That device's clock when it made its change (RFC 3339), if it told. */
  device_updated?: string;
  /** The side that deleted the record, if one did. */
  deleted?: 'truth' | 'device';
}

/** How a conflict is settled. */
export type Choice =
  | 'truth'
  | 'device'
  | {
      /** The whole value that the record gets. */
      value: Json;
    };

/** Why a record was refused, or a call failed, in the server's words. */
export interface Problem {
  /** What went wrong, for programs. */
  code: string;
  /** What went wrong, for people. */
  detail?: string;
  /** More that the server says. */
  [member: string]: unknown;
}

/** Which records, in which order. */
export interface Query<T = Json> {
  /** What they must be; every field named must match. `created`, `updated` and `key` are the record's own, `value.created` and so on a field of that name. */
  where?: Where<T> | undefined;
  /** Fields to order by, `-` before one for descending. Records that tie are ordered by key. */
  orderBy?: string | readonly string[] | undefined;
  /** At most so many. */
  limit?: number | undefined;
  /** Only those after the record of this key, which may be gone by now. */
  after?: string | undefined;
}

/** A condition on each of some fields. */
export type Where<T = Json> = {
  [Field in FieldOf<T>]?: Condition<Field extends keyof T ? T[Field] : Json> | undefined;
} & { readonly [field: string]: unknown };

/** The names of the fields that a value has. */
type FieldOf<T> = T extends object ? Extract<keyof T, string> : string;

/** A value that the field must equal, or comparisons that it must all pass. */
export type Condition<V> = V | Comparisons<V>;

/** Comparisons. Order is: missing, null, false, true, numbers, strings by their UTF-8 bytes, arrays, objects. */
export interface Comparisons<V> {
  /** Is equal. */
  eq?: V | undefined;
  /** Is there and not equal, or is missing. */
  ne?: V | undefined;
  /** Is greater. */
  gt?: V | undefined;
  /** Is greater or equal. */
  gte?: V | undefined;
  /** Is less. */
  lt?: V | undefined;
  /** Is less or equal. */
  lte?: V | undefined;
  /** Is one of these. */
  in?: readonly V[] | undefined;
  /** Is a string that starts so. */
  startsWith?: string | undefined;
  /** Is there, or is not. */
  exists?: boolean | undefined;
}

/** How to sync. */
export interface SyncOptions {
  /**
   * How to begin; `auto` leaves it to the server.
   * - `fast`: what is pending goes up, what changed comes down.
   * - `repair`: the same, and both sides are compared, whether or not they seem to differ.
   * - `slow`: what this device holds is compared with what it held after its last sync: what is missing here is deleted on the server.
   * - `refresh`: gives the server all that this device holds; nothing is deleted.
   * - `pull_truth`: this device becomes what the server holds. What was pending is set aside: `pending()` has it with a `problem`, to be edited (then it is sent again) or undone.
   * - `push_truth`: the server becomes what this device holds, once `confirm` is given; every other device sets aside what it had pending, and takes that.
   */
  mode?: 'auto' | 'fast' | 'repair' | 'slow' | 'refresh' | 'pull_truth' | 'push_truth' | undefined;
  /** Which way records flow this time. What was not sent stays pending. */
  direction?: 'both' | 'pull' | 'push' | undefined;
  /** With one direction: makes the receiving side equal to the sending one, deletions included. */
  mirror?: boolean | undefined;
  /** The person has confirmed what the airbag held: with the same `mode` and direction it passes. */
  confirm?: boolean | undefined;
  /** Cancels it: the promise is rejected with `cancelled`, and nothing is lost. */
  signal?: AbortSignal | undefined;
}

/** What a sync did. */
export interface SyncReport {
  /** Both sides hold the same records, proved by fingerprints. */
  in_sync: boolean;
  /** The mode that the server chose. */
  mode: string;
  /** Records sent and taken. */
  pushed: number;
  /** Records and deletions that came and changed something here. */
  pulled: number;
  /** Records that went away here. */
  deleted: number;
  /** Conflicts that the server keeps for what was sent. */
  conflicts: number;
  /** Records that the server refused, or that were set aside; they stay pending with their `problem`. */
  rejected: number;
  /** Requests made. */
  round_trips: number;
  /** Bytes of bodies sent, as on the wire. */
  bytes_sent: number;
  /** Bytes of bodies received, as on the wire, as far as the browser tells. */
  bytes_received: number;
  /** How long it took, in milliseconds. */
  ms: number;
  /** The moment of the truth up to which this device has everything. */
  last_sync: string;
}

/** How the sync stands. */
export interface SyncStatus {
  /** What it is doing; `waiting` is for `retry_at`, or for somebody to sign in or to answer the airbag. */
  phase: 'idle' | 'opening' | 'pushing' | 'pulling' | 'finishing' | 'reconciling' | 'waiting';
  /** Whether the browser believes that there is a network. */
  online: boolean;
  /** Records that are not in the truth yet. */
  pending: number;
  /** The moment of the truth up to which this device has everything. */
  last_sync?: string;
  /** Whether the last sync proved both sides equal. */
  in_sync?: boolean;
  /** How far the phase is, in records. */
  progress?: {
    /** Records done so far. */
    done: number;
    /** Records in all. */
    total: number;
  };
  /** Why the last sync failed. */
  error?: TidemarkError;
  /** When it will be tried again (RFC 3339). */
  retry_at?: string;
}

/** What `on` listens to, and what its listeners get. */
export interface Events {
  /** The status changed: the new one. */
  status: SyncStatus;
  /** A commit changed what the app sees, here or in another tab. */
  change: {
    /** That of `info()`, after the commit. */
    revision: number;
  };
  /** Records got their real keys. */
  remap: Remapped[];
  /** The records of these keys were refused, or set aside when the server's were taken; `pending()` has them with their problem. */
  rejected: string[];
  /** Conflicts of these ids wait for a person and did not before; each device and tab is told. A list that grows shorter is a `change`. */
  conflict: string[];
  /**
   * The server held back what would delete much. No sync is tried by itself until the person decides:
   * `sync({ mode, confirm: true })` lets it pass, `sync({ mode: 'pull_truth' })` takes the
   * server's records instead; or until something else is edited or undone here.
   */
  airbag: Airbag;
  /** Part of the local database was damaged on the disk. What was in step with the server comes back with the next sync; `lost` edits that no sync had sent cannot be read. */
  damaged: {
    /** How many unsent edits cannot be read. */
    lost: number;
  };
}

/** A record that got its real key. */
export interface Remapped {
  /** The key it had; `get` still knows it. */
  local_id: string;
  /** The key it has. */
  key: string;
  /** What kind of record it is. */
  entity: string;
}

/** What the server held back. */
export interface Airbag {
  /** The mode that was asked for. */
  mode: NonNullable<SyncOptions['mode']>;
  /** How many records it would delete. */
  deletes: number;
  /** How many it would change. */
  changes: number;
  /** How many there are. */
  live: number;
}

/** What a local database is and holds. */
export interface Info {
  /** This device, as the server knows it. */
  device_uuid: string;
  /** The datastore it belongs to, once it has synced. */
  datastore?: string;
  /** The moment of the truth up to which this device has everything. */
  last_sync?: string;
  /** Records held as the server last confirmed them. */
  confirmed: number;
  /** Records that are not in the truth yet. */
  pending: number;
  /** Those of them that were refused or set aside. */
  rejected: number;
  /** Decisions on conflicts that the server does not have yet. */
  decisions: number;
  /** What the confirmed records hash to: 64 hex digits, equal on devices that hold the same. */
  fingerprint: string;
  /** How often something was committed, from where it began; it only grows. */
  revision: number;
  /** What the browser says of this origin's storage; what it does not say is missing. */
  storage: {
    /** Bytes in use by the whole origin. */
    usage?: number;
    /** Bytes that it may use. */
    quota?: number;
    /** Whether the browser has promised not to take it away. */
    persisted?: boolean;
  };
}

/** What goes wrong, with what to do about it. */
export class TidemarkError extends Error {
  /** For tests and stand-ins; the package makes its own. */
  constructor(code: ErrorCode, message: string, help: string, options?: { cause?: unknown });
  /** What went wrong, for programs. */
  readonly code: ErrorCode;
  /** What to do about it, for people. */
  readonly help: string;
  /** What was behind it: another error, or the server's problem. */
  override readonly cause?: unknown;
}

/** The codes there are today; later versions may add some. */
export type ErrorCode =
  | 'airbag'
  | 'blocked'
  | 'busy'
  | 'cancelled'
  | 'closed'
  | 'damaged'
  | 'forbidden'
  | 'invalid'
  | 'not_found'
  | 'not_supported'
  | 'offline'
  | 'pending'
  | 'private_mode'
  | 'protocol'
  | 'quota'
  | 'storage'
  | 'too_large'
  | 'truth_pushed'
  | 'unauthenticated'
  | 'wrong_user'
  | (string & {});
