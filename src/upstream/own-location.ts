// An app that does not know the client's host tells its own address, which clients cannot reach: what begins with it becomes
// a path here (nginx: proxy_redirect default).
import type { Address } from '../config/address.js';
import type { UpstreamLocation } from '../config/location.js';

/** Rewrites a reference that an answer sends its client to; all others come back as they are. */
export type Relocate = (reference: string) => string;

/** Before a path, or at the end. */
const AUTHORITY_ENDS = '(?=[/?#]|$)';

/** @returns what to do with Location; undefined where the app has no address that could be told, as on a unix socket */
export function relocationFor({ upstreams }: Pick<UpstreamLocation, 'upstreams'>): Relocate | undefined {
  const authorities = upstreams.flatMap(({ address }) => authoritiesOf(address)).map(escaped);
  if (authorities.length === 0) return undefined;
  const own = new RegExp(`^http://(?:${authorities.join('|')})${AUTHORITY_ENDS}`, 'i');
  return (reference) => {
    const rest = reference.replace(own, '');
    // Behind two slashes browsers look for a host: that would lead to whomever the path names.
    if (rest.length === reference.length || /^[/\\]{2}/.test(rest)) return reference;
    return rest.startsWith('/') ? rest : `/${rest}`;
  };
}

/** Refresh has a number of seconds before its reference. */
export function relocateRefresh(value: string, relocate: Relocate): string {
  const [start = '', reference] = /^(?:[^;,]*[;,]\s*url\s*=\s*)(.*)$/i.exec(value) ?? [];
  if (reference === undefined) return value;
  return value.slice(0, start.length - reference.length) + relocate(reference);
}

function authoritiesOf(address: Address): string[] {
  if (address.kind === 'unix') return [];
  const { host, port } = address;
  const hosts =
    host === undefined ? ['127.0.0.1', 'localhost', '[::1]'] : [host.includes(':') ? `[${host}]` : host];
  return hosts.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
