/** What has not changed stays the same object, so that what shows it need not be shown again. */

/** `after`, with every part of `before` that is equal to its own. Changes `after`. */
export function kept<V>(before: V, after: V): V;
export function kept(before: unknown, after: unknown): unknown {
  if (!isStructure(before) || !isStructure(after)) return after;
  if (Array.isArray(before) && Array.isArray(after)) return keptList(before, after);
  if (Array.isArray(before) || Array.isArray(after) || !isSameError(before, after)) return after;
  const names = Object.keys(after);
  let isSame = names.length === Object.keys(before).length;
  for (const name of names) {
    const earlier = Object.hasOwn(before, name) ? before[name] : undefined;
    after[name] = kept(earlier, after[name]);
    isSame &&= Object.hasOwn(before, name) && Object.is(earlier, after[name]);
  }
  return isSame ? before : after;
}

/** Rows are told apart by what names them, whatever their place; the members of other lists by their place. */
function keptList(before: readonly unknown[], after: unknown[]): readonly unknown[] {
  const named = new Map(before.map((one, place) => [nameOf(one) ?? place, one]));
  let isSame = before.length === after.length;
  for (let place = 0; place < after.length; place += 1) {
    after[place] = kept(named.get(nameOf(after[place]) ?? place), after[place]);
    isSame &&= Object.is(before[place], after[place]);
  }
  return isSame ? before : after;
}

/** What names a record or a conflict. */
function nameOf(row: unknown): unknown {
  return isStructure(row) ? (row['handle'] ?? row['id']) : undefined;
}

/** Of an error, the message is no member that is listed. */
function isSameError(before: object, after: object): boolean {
  return !(after instanceof Error) || (before instanceof Error && before.message === after.message);
}

function isStructure(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
