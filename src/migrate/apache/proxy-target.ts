// What stands behind ProxyPass: an address that this server speaks HTTP with, or the words about what it does not.
import { OPTIONS } from '../../config/options.js';
import type { Directive } from '../directive.js';
import { proxyOptions, proxyParameters } from './rows-app.js';
import { asPrefix, isNamed } from './sections.js';

/** Where requests go. */
export interface ProxyTarget {
  readonly upstream: string | readonly string[];
  /** Options of the app's location that come with it. */
  readonly set: Readonly<Record<string, unknown>>;
  /** What differs; empty where nothing does. */
  readonly changed: readonly string[];
  /** Lines that say a part of it. */
  readonly used: readonly Directive[];
}

const HTTP = /^(?:http|ws):\/\/([^/]*)(\/.*)?$/i;
const UNIX = /^unix:([^|]+)\|(?:http|ws):\/\/[^/]*(\/.*)?$/i;

/**
 * @param path the beginning of the paths that go there, as it is written
 * @returns the words of what cannot be, as a string
 */
export function readTarget(path: string, written: string, balancers: Balancers): ProxyTarget | string {
  const url = written.trim();
  const scheme = /^(?:unix:[^|]*\|)?([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'balancer') return readBalancer(path, url, balancers);
  if (['fcgi', 'uwsgi', 'ajp', 'scgi'].includes(scheme ?? '')) {
    return `${scheme} is not spoken here: start the app with "gunicorn mysite.wsgi --bind 127.0.0.1:8000" and write "ProxyPass ${path} http://127.0.0.1:8000${path}" (or give --upstream :8000)`;
  }
  if (scheme === 'https' || scheme === 'wss') {
    return `the app is reached over plain HTTP: name the port where it speaks that, as in "ProxyPass ${path} http://127.0.0.1:8000${path}"`;
  }
  const [address, rest] = addressOf(url);
  if (address === undefined)
    return `${url} is no address that this server can hand requests to; write http://HOST:PORT/ or unix:PATH|http://localhost/`;
  const agreed = agreement(path, rest ?? '');
  if (agreed === undefined) {
    return `requests keep their path here, and this would change ${path} to ${rest ?? '/'}; let the app answer below ${path}`;
  }
  const refused = refusal(address);
  if (refused !== undefined) return refused;
  return { upstream: address, set: {}, changed: agreed, used: [] };
}

/** The address as our option takes it, and the path behind it. */
function addressOf(url: string): [address: string | undefined, path?: string | undefined] {
  const [, socket, behind] = UNIX.exec(url) ?? [];
  if (socket !== undefined) return [`unix:${socket}`, behind];
  const [, authority, path] = HTTP.exec(url) ?? [];
  if (authority === undefined || authority === '') return [undefined];
  return [/:\d+$/.test(authority) ? authority : `${authority}:80`, path];
}

/** What is to be told of the two paths; undefined where they are not the same. */
function agreement(path: string, rest: string): string[] | undefined {
  if (asPrefix(path) !== asPrefix(rest)) return undefined;
  if (path.endsWith('/') === rest.endsWith('/')) return [];
  const asked = path.endsWith('/') ? `${rest}x` : `${rest}/x`;
  return [
    `the path and the address do not end alike, so that Apache asks the app for "${asked}": here it is ${asPrefix(rest)}x`,
  ];
}

function refusal(address: string): string | undefined {
  try {
    OPTIONS.upstream.type.parse(address);
    return undefined;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error.message;
  }
}

function readBalancer(path: string, url: string, balancers: Balancers): ProxyTarget | string {
  const [, name = '', rest = ''] = /^balancer:\/\/([^/]*)(\/.*)?$/i.exec(url) ?? [];
  const agreed = agreement(path, rest);
  if (agreed === undefined) return `requests keep their path here, and this would change ${path} to ${rest}`;
  const balancer = balancers.get(name.toLowerCase());
  if (balancer === undefined || typeof balancer === 'string') {
    return (
      balancer ??
      `balancer://${name} has no member that requests can go to; write BalancerMember lines for it`
    );
  }
  return { ...balancer, changed: [...agreed, ...balancer.changed] };
}

/** Balancers by name in lower case; the words of what cannot be, as a string. */
export type Balancers = ReadonlyMap<string, ProxyTarget | string>;

/** All balancers: their members stand within `<Proxy balancer://…>`, or have the balancer's name on the line. */
export function readBalancers(
  site: readonly Directive[],
  inside: (section: Directive) => readonly Directive[],
): Balancers {
  const nameOf = (url: string): string | undefined => /^balancer:\/\/([^/]*)/i.exec(url)?.[1]?.toLowerCase();
  const found = new Map<string, { readonly members: Member[]; readonly settings: Directive[] }>();
  const of = (name: string): { readonly members: Member[]; readonly settings: Directive[] } => {
    const known = found.get(name) ?? { members: [], settings: [] };
    found.set(name, known);
    return known;
  };
  for (const directive of site) {
    const [first = '', second = ''] = directive.args;
    const name = nameOf(first);
    if (name === undefined) continue;
    if (isNamed(directive, 'balancermember')) of(name).members.push({ url: second, directive });
    if (isNamed(directive, 'proxyset')) of(name).settings.push(directive);
    if (!isNamed(directive, 'proxy')) continue;
    for (const inner of inside(directive)) {
      if (isNamed(inner, 'balancermember'))
        of(name).members.push({ url: inner.args[0] ?? '', directive: inner });
      if (isNamed(inner, 'proxyset')) of(name).settings.push(inner);
    }
  }
  return new Map(
    [...found].map(([name, { members, settings }]) => [name, balancerOf(name, members, settings)]),
  );
}

/** Servers of one app. */
const MAX_MEMBERS = 100;

interface Member {
  readonly url: string;
  readonly directive: Directive;
}

function balancerOf(
  name: string,
  members: readonly Member[],
  settings: readonly Directive[],
): ProxyTarget | string {
  if (members.length > MAX_MEMBERS) return `balancer://${name} has more than ${MAX_MEMBERS} members`;
  const changed = new Set<string>();
  const addresses: string[] = [];
  for (const { url, directive } of members) {
    const parameters = proxyParameters(directive.args);
    const status = parameters.get('status')?.toUpperCase() ?? '';
    // Disabled, or stopped.
    if (/[DS]/.test(status) && !status.startsWith('-')) continue;
    const [address, behind = ''] = addressOf(url);
    if (address === undefined) return `${url} is no address that this server can hand requests to`;
    if (behind !== '' && behind !== '/') return `requests keep their path here, and ${url} has one`;
    const refused = refusal(address);
    if (refused !== undefined) return refused;
    addresses.push(/H/.test(status) && !status.startsWith('-') ? `${address} backup` : address);
    if (Number(parameters.get('loadfactor') ?? 1) !== 1) changed.add('every server gets the same share');
    if (parameters.has('route')) changed.add('each request may go to any server');
  }
  if (addresses.every((address) => address.endsWith(' backup'))) {
    return `balancer://${name} has no member that requests can go to; write BalancerMember lines for it`;
  }
  const lines = [...members.map(({ directive }) => directive), ...settings];
  return {
    upstream: addresses.length === 1 ? (addresses[0] ?? '') : addresses,
    set: proxyOptions(proxyParameters(lines.flatMap(({ args }) => args))),
    changed: [...changed],
    used: lines,
  };
}
