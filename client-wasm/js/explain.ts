/** How a query is answered, in a sentence. */
import type { Explanation } from './tidemark.d.ts';

/** Reads what the module says of a query. */
export function explained(json: string): Explanation {
  const plan = JSON.parse(json) as Omit<Explanation, 'text'>;
  const { index, reads, ordered, checks } = plan;
  const by = index ? `The index on ${index.join(', ')} serves` : 'No index serves, but that of the keys';
  const read = {
    range: 'only rows within the bounds of `where` are read',
    limit: 'rows are read until there are enough for `limit`',
    all: 'every record is read',
  }[reads];
  const order = ordered ? 'they come in order' : 'what matches is sorted';
  const check = checks.length > 0 ? `; checked on each: ${checks.join(', ')}` : '';
  return { ...plan, text: `${by}: ${read}, and ${order}${check}.` };
}
