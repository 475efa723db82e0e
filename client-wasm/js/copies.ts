/** A copy of a database as a file: packed where the browser can. */
import { invalid } from './error.ts';

/** What a packed file begins with. */
const GZIP = [0x1f, 0x8b];

/** The parts of a copy as one file. */
export function toFile(parts: Uint8Array<ArrayBuffer>[]): Promise<Blob> {
  const plain = new Blob(parts);
  const type = 'application/octet-stream';
  if (typeof CompressionStream === 'undefined') return Promise.resolve(plain.slice(0, plain.size, type));
  const packed = plain.stream().pipeThrough(new CompressionStream('gzip'));
  return new Response(packed, { headers: { 'content-type': type } }).blob();
}

/** A file's bytes, as the module made them. */
export async function fromFile(file: Blob): Promise<Uint8Array> {
  if (!(file instanceof Blob)) throw invalid('import takes a Blob', 'Give it what export gave, or the file that it was saved in.');
  const start = new Uint8Array(await file.slice(0, GZIP.length).arrayBuffer());
  const isPacked = GZIP.every((byte, place) => start[place] === byte);
  const stream = isPacked ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw invalid('the copy is damaged, or not all of it is there', 'Take another copy: nothing was changed here.', error);
  }
}
