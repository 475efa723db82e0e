// What goes over the wire while a page syncs: each call, its body, and what rides on it.

import type { Page, Request } from '@playwright/test';
import { gunzipSync } from 'node:zlib';

/** One call of a sync. */
export interface Call {
  /** The call's last word, such as `open`, and the phases that rode on it: `open+push+pull`. */
  name: string;
  body: Record<string, any>;
}

/** Notes each call of the page's syncs from now on. */
export function listen(page: Page): Call[] {
  const calls: Call[] = [];
  page.on('request', request => {
    if (!request.url().includes('/v1/sync/')) return;
    calls.push({ name: nameOf(request), body: bodyOf(request) });
  });
  return calls;
}

/** The records that these calls sent, riding or not. */
export function sentIn(calls: readonly Call[]): Record<string, any>[] {
  return calls.flatMap(({ body }) => [...(body.records ?? []), ...(body.push?.records ?? [])]);
}

export function nameOf(request: Request): string {
  const body = bodyOf(request);
  const riding = ['push', 'pull', 'finish'].filter(phase => phase in body);
  return [new URL(request.url()).pathname.split('/').at(-1), ...riding].join('+');
}

export function bodyOf(request: Request): Record<string, any> {
  const raw = request.postDataBuffer() ?? Buffer.from('{}');
  const text = request.headers()['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
  return JSON.parse(text.toString()) as Record<string, any>;
}
