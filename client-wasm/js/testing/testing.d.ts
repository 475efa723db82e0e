/**
 * Tidemark for an app's own tests in Node, with no browser: the real engine over storage in memory,
 * a server that speaks the sync protocol over a truth in memory, and a clock, both steered by the test.
 * It wants the package `fake-indexeddb` beside it.
 */
import type { Database, Json, OpenOptions } from 'tidemark';

/** How a test begins. */
export interface TestingOptions {
  /** Where the clock stands, until the test moves it. Left out, time is the real one. */
  now?: string | number | Date | undefined;
}

/** How a device's database is opened; all can be left out. */
export interface DeviceOptions extends Partial<OpenOptions> {
  /** Who is signed in there; `user` if left out. */
  user?: string | undefined;
}

/** What a test has. */
export interface Testing {
  /** The server, which the app reaches at `server.url` with the token of `server.token(user)`. */
  readonly server: Server;
  /** The clock, for the test to move. */
  readonly clock: Clock;
  /**
   * Opens a database as `open` does: a device of its own, unless it is given a name that was opened before. It syncs with the
   * server when told; say `sync: 'auto'` for a device that does so by itself. What the app itself opens
   * lives in the same memory.
   */
  open(options?: DeviceOptions): Promise<Database>;
  /** Closes what `open` opened (what the app opened is the app's to close), forgets it all, and puts back what the process had. */
  end(): Promise<void>;
}

/** The server. It knows what an app meets day by day: for repairs, `slow`, `refresh`, `push_truth` and mirrors, test against the real one. */
export interface Server {
  /** Its address. */
  readonly url: string;
  /** Whether calls reach it; set it to false to cut the network. */
  isReachable: boolean;
  /** How long an answer takes, in milliseconds of the clock. */
  latency: number;
  /** The paths that were called, in order. */
  readonly calls: readonly string[];
  /** A token for somebody. */
  token(user: string): string;
  /** The tokens given so far are refused from now on. */
  expireTokens(): void;
  /** The next call is refused, or so many. */
  failNext(failure?: Failure, times?: number): void;
  /** The next call is worked off, but its answer never arrives; or those of so many. */
  loseNextAnswer(times?: number): void;
  /** Somebody's records, as the server holds them. */
  records(user: string, entity?: string): TruthRecord[];
  /** Another device of somebody's, which writes straight to the server. */
  device(user: string): OtherDevice;
}

/** How a call is refused. */
export interface Failure {
  /** The HTTP status; 503 if left out. */
  status?: number | undefined;
  /** The problem's code; `busy` if left out. */
  code?: string | undefined;
  /** After how many seconds to try again. */
  retryAfter?: number | undefined;
}

/** A record as the server holds it. */
export interface TruthRecord {
  /** Its key in the truth. */
  key: string;
  /** What kind of record it is. */
  entity: string;
  /** What the app put there. */
  value: Json;
  /** When it was made, by the device's clock. */
  created: string;
  /** When it was last written, by the device's clock. */
  updated: string;
  /** When it was last changed, by the server's clock. */
  checkin: string;
}

/** Another device. Each call is a sync of its own. */
export interface OtherDevice {
  /** Makes a record, and gives its key. */
  create(entity: string, value: Json): string;
  /** Sets some fields. */
  update(key: string, fields: { [field: string]: Json }): void;
  /** Deletes it. */
  delete(key: string): void;
}

/** The clock: `Date` and timers of the whole process, if the test began with `now`. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Lets time go by, timer after timer, and waits for the work of each. */
  advance(millis: number): Promise<void>;
  /** Sets the time, as a person sets a clock: no timer rings. */
  set(time: string | number | Date): void;
  /** Waits until nothing is left to do before time goes on. */
  settle(): Promise<void>;
}

/** Begins a test; one at a time in a process. */
export function startTesting(options?: TestingOptions): Promise<Testing>;
