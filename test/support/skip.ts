/** For tests that need something which not every machine has. */

/** For tap's `skip`: `false` where the thing is there, else the reason. Where CI is set, a missing thing throws. */
export function skipUnless(present: boolean, reason: string): string | false {
  if (present) return false;
  if (process.env['CI'] !== undefined) throw new Error(`this must run where CI is set, but ${reason}`);
  return reason;
}
