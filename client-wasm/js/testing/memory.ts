/** IndexedDB in memory, by the package fake-indexeddb, which the app installs for its tests. */
import { TidemarkError } from '../error.ts';

/** A browser's storage for the tests, with nothing in it. */
export class Memory {
  #before: PropertyDescriptor | undefined;
  #transactions = 0;
  readonly #Database: { prototype: IDBDatabase };
  readonly #transaction: IDBDatabase['transaction'];

  static async install(): Promise<Memory> {
    const before = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB');
    try {
      await import('fake-indexeddb/auto');
      const { IDBFactory } = await import('fake-indexeddb');
      return new Memory(before, new IDBFactory());
    } catch (error) {
      throw new TidemarkError('not_supported', 'tidemark/testing found no fake-indexeddb', 'Install it: npm install --save-dev fake-indexeddb.', { cause: error });
    }
  }

  private constructor(before: PropertyDescriptor | undefined, factory: IDBFactory) {
    this.#before = before;
    Object.defineProperty(globalThis, 'indexedDB', { value: factory, writable: true, configurable: true });
    this.#Database = IDBDatabase;
    const transaction = (this.#transaction = IDBDatabase.prototype.transaction);
    const memory = this;
    IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...given): IDBTransaction {
      const begun = transaction.apply(this, given);
      memory.#transactions += 1;
      for (const end of ['complete', 'abort']) begun.addEventListener(end, () => (memory.#transactions -= 1));
      return begun;
    };
  }

  get isBusy(): boolean {
    return this.#transactions > 0;
  }

  remove(): void {
    this.#Database.prototype.transaction = this.#transaction;
    if (this.#before) Object.defineProperty(globalThis, 'indexedDB', this.#before);
    else Reflect.deleteProperty(globalThis, 'indexedDB');
  }
}
