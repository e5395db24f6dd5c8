// X-Sendfile: who is asked which file the app means.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import { toHttpError } from '../files/disk-failure.js';
import { goOn, type MayWait } from '../http/may-wait.js';
import type { Target } from '../http/target.js';
import type { RootStore } from '../stores/disk/root-store.js';
import { locateByName, locateSendfile } from '../stores/disk/sendfile.js';
import { StoreError } from '../stores/store.js';

/** An internal location, and its store. */
export interface InternalFiles {
  readonly location: Pick<FileLocation, 'prefix' | 'root'>;
  readonly store: Pick<RootStore, 'mayHang' | 'locate'>;
}

/** Finds the target in an internal location, or says what is wrong with the value. */
export type SendfileFinder = (value: string) => MayWait<Target | string>;

/** @param files need be complete only when the first order comes */
export function createSendfileFinder(files: readonly InternalFiles[], log: Logger): SendfileFinder {
  return (value) => {
    const sorted = files.toSorted((a, b) => b.location.root.length - a.location.root.length);
    const roots = sorted.map(({ location: { prefix, root } }) => ({ prefix, root }));
    const hanging = sorted.filter(({ store }) => store.mayHang);
    if (hanging.length === 0) return locateSendfile(value, roots);
    // Where the name alone tells it, nobody has to wait.
    const found = locateByName(value, roots);
    if (found !== undefined) return found;
    const [first] = hanging;
    return goOn(
      () => first?.store.locate(value, roots) ?? locateSendfile(value, roots),
      (target) => target,
      (error) => {
        throw error instanceof StoreError ? toHttpError(error, log) : error;
      },
    );
  };
}
