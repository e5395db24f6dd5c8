// What protected directories are that lie behind a mount which may hang: other roots do not look at them for each file, since that
// would hang with it, and are told what has been found out. Their names leave one question open: whether a link behind the
// mount leads back to where the files of another root are.
import type { RootStore } from '../stores/disk/root-store.js';

/** How often it is asked, in milliseconds. */
const INTERVAL = 1000;

/** A root, and its store. */
export interface WatchedRoot {
  /** Absolute path. */
  readonly root: string;
  readonly store: Pick<RootStore, 'mayHang' | 'identify' | 'tell'>;
}

/**
 * Asks what each protected root is, at once and then every second, and tells all others. While a mount hangs, what was found out
 * last counts; before it has answered for the first time, its name does.
 * @returns ends that
 */
export function watchProtected(
  protectedRoots: readonly WatchedRoot[],
  others: readonly WatchedRoot['store'][],
): () => void {
  /** Those that a thread is asked about, or hangs with. */
  const asking = new Set<WatchedRoot>();
  const ask = async (watched: WatchedRoot): Promise<void> => {
    const { root, store } = watched;
    if (asking.has(watched) || !store.mayHang) return;
    asking.add(watched);
    try {
      const known = await store.identify(() => asking.delete(watched));
      if (known !== undefined) for (const other of others) other.tell(root, known);
    } catch {
      // It hangs: whoever wants its files is told so.
    }
  };
  const askAll = (): void => {
    for (const watched of protectedRoots) void ask(watched);
  };
  askAll();
  const timer = setInterval(askAll, INTERVAL).unref();
  return () => clearInterval(timer);
}
