/** Values as text and back: records cross into the module and out of it as JSON, in slices. */
import { breathe } from './breathe.ts';
import { invalid, type TidemarkError } from './error.ts';

/** No slice is longer, in UTF-16 units, unless one value alone is. */
const SLICE_LENGTH = 256 * 1024;

/** A value as JSON text; `invalid` where JSON cannot carry it whole. `what` names it in the error. */
export function toText(value: unknown, what: string): string {
  if (value === undefined) throw cannotCarry(what, 'is undefined');
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    const why = error instanceof RangeError ? 'is nested too deeply' : String((error as Error)?.message ?? error);
    throw cannotCarry(what, find(value, new Set()) ?? why, error);
  }
  const lost = find(value, undefined);
  if (lost !== undefined || text === undefined) throw cannotCarry(what, lost ?? 'has no JSON form');
  return text;
}

/** Values as JSON arrays, in slices, letting the page breathe while it goes through many. */
export async function* toSlices(values: readonly unknown[]): AsyncGenerator<string> {
  let slice: string[] = [];
  let length = 0;
  for (let index = 0; index < values.length; index += 1) {
    const text = toText(values[index], `values[${index}]`);
    if (length > 0 && length + text.length > SLICE_LENGTH) {
      yield `[${slice.join(',')}]`;
      slice = [];
      length = 0;
      await breathe();
    }
    slice.push(text);
    length += text.length + 1;
  }
  if (slice.length > 0) yield `[${slice.join(',')}]`;
}

/** The members of JSON arrays in slices. */
export async function fromSlices<T>(slices: readonly string[]): Promise<T[]> {
  const [only] = slices;
  if (only === undefined) return [];
  if (slices.length === 1) return JSON.parse(only) as T[];
  const all: T[] = [];
  for (const slice of slices) {
    for (const each of JSON.parse(slice) as T[]) all.push(each);
    await breathe();
  }
  return all;
}

function cannotCarry(what: string, why: string, cause?: unknown): TidemarkError {
  const help = 'Records are JSON: null, booleans, finite numbers, well-formed strings, arrays and plain objects.';
  return invalid(`${what} cannot be stored: ${join('', why)}`, help, cause);
}

/** A path and a reason: `.a[3] is NaN`. */
function join(step: string, why: string): string {
  return /^[.[]/.test(why) || step === '' ? step + why : `${step} ${why}`;
}

/**
 * What JSON would lose or change without a word, as a path and a reason; nothing if it carries
 * all. `above` holds the objects that this one is part of, where there may be cycles.
 */
function find(value: unknown, above: Set<object> | undefined): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed?.() === false ? 'has half a surrogate pair' : undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `is ${value}`;
    case 'boolean':
      return undefined;
    case 'object':
      break;
    default:
      return `is a ${typeof value}`;
  }
  if (value === null) return undefined;
  if (above?.has(value)) return 'is part of itself';
  const inside = above && new Set(above).add(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return above ? undefined : find((value as { toJSON(key: string): unknown }).toJSON(''), inside);
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const why = value[index] === undefined ? 'is undefined' : find(value[index], inside);
      if (why !== undefined) return join(`[${index}]`, why);
    }
    return undefined;
  }
  if (!isRecord(value)) return `is a ${value.constructor?.name ?? 'special object'}`;
  for (const name of Object.keys(value)) {
    const member = value[name];
    // As in JSON itself, a member that is undefined is no member.
    const why = member === undefined ? undefined : find(member, inside);
    if (why !== undefined) return join(`.${name}`, why);
    if (name.isWellFormed?.() === false) return `.${name} has half a surrogate pair in its name`;
  }
  return undefined;
}

/** Plain objects, and instances of an app's own classes; not what keeps its content elsewhere. */
function isRecord(value: object): value is Record<string, unknown> {
  const tag = Object.prototype.toString.call(value);
  return tag === '[object Object]';
}
