// A HEAD that is refused: its answer has no body, and so no word of why. The first byte of the same object, asked for with GET, is
// refused for the same reason, and that answer says it.
import type { GrantedHead } from './answer.js';
import type { S3Error } from './errors.js';
import type { S3Request } from './request.js';

/** After a denial that hid no other cause the next ones are taken for the same for so long, in milliseconds. */
const SAME_DENIAL = 1000;

/** Whether a HEAD was refused for what its status does not tell: that something is missing, too busy, or elsewhere, it does. */
export function hidesCause({ method }: S3Request, { kind, status = 0 }: S3Error): boolean {
  return method === 'HEAD' && status >= 400 && status < 500 && (kind === 'denied' || kind === 'failed');
}

/** The request whose answer tells the cause; under the same conditions. */
export function askingForCause(request: S3Request): S3Request {
  return { ...request, method: 'GET', range: { first: 0, last: 0 } };
}

/** What the HEAD would have said, where that GET is not refused: by stores, and proxies before them, that let nothing else pass. */
export function asHead(head: GrantedHead): GrantedHead {
  if (head.status === 206) return { ...head, status: 200, range: undefined };
  // Only an empty object has no first byte.
  return head.status === 416 ? { ...head, status: 200, size: 0 } : head;
}

/**
 * Which denials need no look for their cause. Without s3:ListBucket each key that is missing is denied, and anybody may ask for
 * those: looked into one by one, they would be twice as many requests.
 */
export class PlainDenials {
  #wasPlain = false;
  /** On the monotonic clock, in milliseconds. */
  #askedAt = 0;

  /**
   * Whether the cause of this refusal is to be asked for.
   * @param now on the monotonic clock, in milliseconds
   */
  needsCause({ kind }: S3Error, now = performance.now()): boolean {
    if (this.#wasPlain && kind === 'denied' && now - this.#askedAt < SAME_DENIAL) return false;
    this.#askedAt = now;
    return true;
  }

  /** @param cause what the GET came to; undefined when it was not refused */
  learn(cause: S3Error | undefined): void {
    this.#wasPlain = cause?.kind === 'denied';
  }
}
