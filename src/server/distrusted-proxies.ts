// Proxies that --trust-proxy was to name and does not: what they say of their clients is dropped, and it is the app that then
// fails, with nothing in its log that leads here.
import type { Logger } from 'pino';
import { NAMED_NETWORKS, type Network, parseNetwork } from '../config/network.js';
import { networkTest } from '../http/network-test.js';

/** The words of --trust-proxy, which are for peers that are likely the operator's own; the narrowest first. */
const WORDS = ['unix', ...Object.keys(NAMED_NETWORKS)].map((word) => ({
  word,
  networks: parseNetwork(word),
}));

/**
 * Returns what is to be told of each peer whose X-Forwarded-Proto was dropped; undefined is one on a unix socket. A line is
 * written once for each word that helps. Of public addresses nothing is said: they are any client's.
 * @param trusted who is believed
 */
export function distrustedProxies(
  trusted: readonly Network[],
  log: Logger,
): (address: string | undefined) => void {
  const untold = WORDS.map(({ word, networks }) => ({ word, includes: networkTest(networks), told: false }));
  return (address) => {
    const found = untold.find(({ includes }) => includes(address));
    if (found === undefined || found.told) return;
    found.told = true;
    const cure = `--trust-proxy ${found.word}`;
    log.warn(
      { peer: address ?? 'unix' },
      `X-Forwarded-Proto of a peer that is not trusted was dropped, so that the app takes its requests for plain HTTP: forms fail (CSRF), SECURE_SSL_REDIRECT goes in a circle; if it is a proxy of yours, say ${cure}${trusted.length === 0 ? '' : ' beside those that are named already'}`,
    );
  };
}
