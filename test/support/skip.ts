/** For tests that need something which not every machine has. */
import { networkInterfaces } from 'node:os';

/** For tap's `skip`: `false` where the thing is there, else the reason. Where CI is set, a missing thing throws. */
export function skipUnless(present: boolean, reason: string): string | false {
  if (present) return false;
  if (process.env['CI'] !== undefined) throw new Error(`this must run where CI is set, but ${reason}`);
  return reason;
}

/** For tap's `skip`: whether this machine reaches itself by IPv6. */
export function withoutIpv6(): string | false {
  const addresses = Object.values(networkInterfaces()).flatMap((own) => own ?? []);
  return skipUnless(
    addresses.some(({ address }) => address === '::1'),
    'there is no IPv6 here',
  );
}
