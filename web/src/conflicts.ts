/** What two devices did to one record, as rows that a person can compare. */
import type { Conflict, Doc, Json } from 'tidemark';
import type { Version } from './history';

/** One field of a conflict; a side that lacks it has `undefined`. */
export interface Row {
  field: string;
  before: unknown;
  truth: unknown;
  device: unknown;
}

/** A conflict with what this device knows of it. */
export interface Known {
  conflict: Conflict;
  /** The record as it is here, if it is. */
  doc: Doc | null;
  /** This device. */
  me: string;
}

/** The fields to compare: those in question, or all where the record as a whole is. */
export function rowsOf(conflict: Conflict, before: Json | undefined): Row[] {
  const [truth, device] = [fields(conflict.truth), fields(conflict.device)];
  const was = fields(before);
  const isWhole = !isObject(conflict.truth) && !isObject(conflict.device);
  if (isWhole) return [{ field: 'value', before, truth: conflict.truth, device: conflict.device }];
  const names = conflict.fields.length > 0 ? conflict.fields : [...new Set([...Object.keys(truth), ...Object.keys(device)])];
  return names.map((field) => ({ field, before: was[field], truth: truth[field], device: device[field] }));
}

export type Side = 'truth' | 'device';

/** Whether the record is, in what is in question, as this side has it. */
export function stands({ conflict, doc }: Known, side: Side): boolean {
  if (!doc || conflict.deleted === side) return !doc && conflict.deleted === side;
  return rowsOf({ ...conflict, truth: conflict[side], device: doc.value }, undefined).every(
    ({ truth, device }) => JSON.stringify(truth) === JSON.stringify(device),
  );
}

/** The value that the pushed change was made on, from the record's history. */
export function valueBefore(conflict: Conflict, versions: readonly Version[]): Json | undefined {
  const { base } = conflict;
  if (!base) return undefined;
  return versions.findLast(({ checkin }) => checkin <= base)?.value;
}

/** Takes what was typed: text where the field holds text, else JSON. Fails with `SyntaxError`. */
export function typed(text: string, row: Row): Json {
  const isText = [row.truth, row.device].every((side) => side === undefined || typeof side === 'string');
  return isText ? text : (JSON.parse(text) as Json);
}

/** A field's value as it is shown and typed. */
export function shown(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, undefined, 1).replace(/\n\s*/g, ' ');
}

const NIL = '00000000-0000-0000-0000-000000000000';

/** A device as its owner can tell it from others. */
export function deviceName(device: string, me: string): string {
  if (device === me) return 'This device';
  return device === NIL ? 'A decision' : `Device ${device.slice(0, 4)}`;
}

export function isObject(value: unknown): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const fields = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});
