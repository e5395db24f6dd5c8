// Ranges of addresses as operators write them: '10.0.0.0/8', '::1', 'loopback', 'private' (nginx: set_real_ip_from).
import { isIP } from 'node:net';
import { quote } from './errors.js';

/** A range of addresses; `unix` stands for a peer on a unix socket, which has none. */
export type Network = 'unix' | { readonly address: string; readonly bits: number };

const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** Names that stand for several ranges. */
export const NAMED_NETWORKS: Readonly<Record<string, readonly string[]>> = {
  loopback: LOOPBACK,
  // This machine, which is nearer than any network; RFC 1918, link-local, RFC 6598 (carrier-grade NAT, which some clouds use
  // inside) and unique local IPv6.
  private: [
    ...LOOPBACK,
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '169.254.0.0/16',
    '100.64.0.0/10',
    'fc00::/7',
    'fe80::/10',
  ],
};

/**
 * Reads one range; a name may stand for several.
 * @throws {TypeError} with a message that says what to write instead.
 */
export function parseNetwork(value: unknown): readonly Network[] {
  const text = String(value).trim().toLowerCase();
  if (text === 'unix' || text === 'unix:') return ['unix'];
  const named = NAMED_NETWORKS[text];
  if (named !== undefined) return named.flatMap(parseNetwork);
  if (text.includes('%')) {
    throw new TypeError(
      `${quote(value)} has a zone, and addresses are known without one here; leave out what begins with %`,
    );
  }
  const [address = '', suffix, ...rest] = text.split('/');
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const bits = suffix === undefined ? most : Number(/^\d{1,3}$/.test(suffix) ? suffix : Number.NaN);
  if (most < 0 || rest.length > 0 || !(bits >= 0 && bits <= most)) {
    throw new TypeError(
      `${quote(value)} is not a range of addresses; write 10.0.0.0/8, 2001:db8::/32, 192.0.2.1, loopback, private or unix`,
    );
  }
  return [{ address, bits }];
}
