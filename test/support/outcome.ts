import type { DiskStore } from '../../src/stores/disk/disk-store.js';
import { StoreError } from '../../src/stores/store.js';

/** The content of a file in a store, or why there is none. */
export function outcome(store: DiskStore, path: string): string {
  try {
    const file = store.open(path);
    const buffer = Buffer.alloc(file.version.size);
    const bytes = file.readSync(buffer, 0);
    file.close();
    return buffer.toString('utf8', 0, bytes);
  } catch (error) {
    if (error instanceof StoreError) return error.failure;
    throw error;
  }
}
