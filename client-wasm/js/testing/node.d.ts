/** What these files take from Node; its own types would change those of the browser elsewhere. */
declare module 'node:crypto' {
  interface Hash {
    update(data: string | Uint8Array): Hash;
    digest(): Uint8Array;
    digest(encoding: 'hex'): string;
  }
  export function createHash(algorithm: 'sha256'): Hash;
}
declare module 'fake-indexeddb' {
  export const IDBFactory: new () => IDBFactory;
}
declare module 'fake-indexeddb/auto';
