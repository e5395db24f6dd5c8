// One lookup of a host name at a time, whoever connects: the system has no way to end one, and a name server that hangs would
// otherwise hold a thread for every connection that is tried.
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

/** Most who wait for one lookup; each is a connection that was tried. */
const MOST_WAITING = 1024;

type Callback = Parameters<LookupFunction>[2];

/**
 * A lookup for `net.connect`.
 * @param lookUp as the system does it
 */
export function sharedLookup(lookUp: LookupFunction = lookup): LookupFunction {
  const underWay = new Map<string, Callback[]>();
  return (hostname, options, callback) => {
    const question = `${hostname} ${options.family ?? 0} ${options.hints ?? 0} ${options.all === true}`;
    const waiting = underWay.get(question);
    if (waiting !== undefined) {
      if (waiting.length < MOST_WAITING) waiting.push(callback);
      else callback(hangs(hostname), []);
      return;
    }
    const callbacks = [callback];
    underWay.set(question, callbacks);
    lookUp(hostname, options, (error, address, family) => {
      underWay.delete(question);
      for (const each of callbacks) each(error, address, family);
    });
  };
}

function hangs(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`the lookup of ${hostname} hangs`), { code: 'EAI_AGAIN' });
}
