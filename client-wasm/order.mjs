// The order of a module's functions. Which comes first means nothing to whoever runs them, but
// what is alike compresses better when it lies side by side: so by their types, then by code.
import binaryen from 'binaryen';

const FUNCTION_TYPES = 3;
const CODE = 10;

/** The module with its functions in that order. */
export function inOrderOfLikeness(bytes) {
  const module = binaryen.readBinary(bytes);
  const types = list(bytes, FUNCTION_TYPES, reader => reader.number());
  const bodies = list(bytes, CODE, reader => reader.bytes(reader.number()));
  const imported = module.getNumFunctions() - bodies.length;
  const order = [...bodies.keys()].sort((one, other) => types[one] - types[other] || Buffer.compare(bodies[one], bodies[other]));
  // They are written in the order in which they were added.
  const functions = order.map(place => binaryen.getFunctionInfo(module.getFunctionByIndex(imported + place)));
  for (const { name, params, results, vars, body } of functions) {
    module.removeFunction(name);
    module.addFunction(name, params, results, vars, body);
  }
  binaryen.setDebugInfo(true);
  return module.emitBinary();
}

/** What a section of the module lists. */
function list(bytes, section, read) {
  const reader = new Reader(bytes.subarray(8));
  while (reader.number() !== section) reader.bytes(reader.number());
  reader.number();
  return Array.from({ length: reader.number() }, () => read(reader));
}

class Reader {
  #rest;

  constructor(bytes) {
    this.#rest = bytes;
  }

  bytes(length) {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }

  /** A number as WebAssembly writes lengths: seven bits a byte, the low ones first. */
  number() {
    const [byte] = this.bytes(1);
    return byte < 128 ? byte : byte - 128 + 128 * this.number();
  }
}
