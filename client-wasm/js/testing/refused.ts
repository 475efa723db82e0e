/** What the server will not do, as it says so on the wire. */

const STATUS: Record<string, number> = {
  malformed: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  stale_device: 409,
  settled: 409,
  session_gone: 410,
  airbag: 423,
  busy: 503,
};

export class Refused extends Error {
  readonly status: number;
  readonly problem: Record<string, unknown>;

  constructor(code: string, detail: string, more: Record<string, unknown> = {}) {
    super(detail);
    this.status = STATUS[code] ?? 500;
    this.problem = { type: 'about:blank', title: code, status: this.status, code, detail, ...more };
  }
}
