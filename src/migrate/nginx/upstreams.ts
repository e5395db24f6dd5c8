// `upstream` blocks and the address of `proxy_pass`: our list of servers, and how they are chosen.
import { upstreams as upstreamList } from '../../config/values.js';
import type { Directive } from '../directive.js';
import { unreadable } from '../errors.js';
import type { Report } from '../report.js';
import { alwaysSo, changed, kept, notNeeded, notSupported, type Outcome } from '../rows.js';
import { hasVariable, timeOf } from './values.js';

/** What a location of the app is made of. */
export interface App {
  readonly own: Readonly<Record<string, unknown>>;
  /** The path that stands behind the address; empty where there is none. */
  readonly path: string;
}

/** What there is beside `server` in an upstream block. */
const IN_UPSTREAM: Readonly<Record<string, Outcome>> = {
  keepalive: alwaysSo('connections to the app are kept open'),
  keepalive_requests: notNeeded('connections to the app are kept open'),
  keepalive_timeout: notNeeded('connections to the app are kept open'),
  keepalive_time: notNeeded('connections to the app are kept open'),
  least_conn: kept('balance: least-connections', { balance: 'least-connections' }),
  zone: notNeeded('it is one process'),
  resolver: alwaysSo("names are looked up by the system's name servers, again and again"),
  resolver_timeout: notNeeded("names are looked up by the system's name servers"),
  ip_hash: changed(
    'requests go to the servers in turn, and not by the client; Django keeps sessions where all servers see them',
  ),
  hash: changed('requests go to the servers in turn'),
  random: changed('requests go to the servers in turn'),
  sticky: changed('requests go to the servers in turn'),
  ntlm: notSupported('connections are shared among clients'),
  queue: notNeeded('requests wait where the app is busy'),
};

/** The upstream blocks by name. */
export class Upstreams {
  readonly #byName: ReadonlyMap<string, Directive>;
  readonly #report: Report;

  constructor(http: readonly Directive[], report: Report) {
    this.#byName = new Map(
      http.filter(({ name }) => name === 'upstream').map((directive) => [directive.args[0] ?? '', directive]),
    );
    this.#report = report;
  }

  /**
   * The app that a `proxy_pass` leads to, or what is said instead.
   * @param around the directives of the blocks that it stands in, for variables that are set to one address
   * @throws {BadValueError} when the address is none
   */
  find(pass: Directive, around: readonly Directive[] = []): App | Outcome {
    const [written = ''] = pass.args;
    // Behind a variable this is the path as it was asked for, which is what is sent anyway.
    const url = withLiterals(written.replace(/\$(?:request_uri|uri\$is_args\$args)$/, ''), around);
    if (hasVariable(url)) {
      return notSupported('an address with a variable in it is not followed; write the address of the app');
    }
    const [, scheme = '', rest = ''] = /^(https?):\/\/(.*)$/i.exec(url) ?? [];
    if (scheme === '')
      throw unreadable(pass.place, `proxy_pass ${url} is no address; http:// is expected at its beginning`);
    if (scheme.toLowerCase() === 'https') {
      return notSupported(
        'nothing is asked for by https here; write the http address that the app listens on, or send browsers to the bucket itself (MEDIA_URL, STATIC_URL)',
      );
    }
    const unix = /^unix:([^:]+)(?::(.*))?$/.exec(rest);
    if (unix !== null) return { own: { upstream: [`unix:${unix[1]}`] }, path: unix[2] ?? '' };
    const slash = rest.search(/[/?#]/);
    const [authority, path] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash)];
    const block = this.#byName.get(authority);
    if (block !== undefined) return { own: this.#servers(block), path };
    return { own: { upstream: [address(authority, pass)] }, path };
  }

  /** Says of blocks that no location leads to that nobody needs them. */
  sayUnused(): void {
    for (const block of this.#byName.values()) {
      if (this.#report.has(block)) continue;
      this.#report.say(block, 'not needed', 'no location leads to it');
      this.#report.sayWithin(block, 'not needed', 'no location leads to it');
    }
  }

  #servers(block: Directive): Record<string, unknown> {
    const lines = block.block ?? [];
    const servers = lines.filter(({ name }) => name === 'server');
    const up = servers.filter(({ args }) => !args.includes('down'));
    if (up.length === 0)
      throw unreadable(block.place, `upstream ${block.args[0]} has no server; server ADDRESS; is expected`);
    const isOne = up.length === 1;
    const set: Record<string, unknown> = {};
    const addresses = up.map((server) => this.#server(server, isOne, set));
    for (const line of lines) {
      if (line.name === 'server') {
        if (!up.includes(line)) this.#report.say(line, 'changed', 'left out, as it is down');
        continue;
      }
      const outcome = IN_UPSTREAM[line.name] ?? notSupported('nothing here stands for it');
      if (isOne && outcome.set !== undefined) this.#report.say(line, 'not needed', 'there is one server');
      else {
        this.#report.say(line, outcome.verdict, outcome.words);
        Object.assign(set, outcome.set);
      }
    }
    this.#report.say(block, 'kept', 'as upstream');
    return { upstream: addresses, ...set };
  }

  #server(server: Directive, isOne: boolean, set: Record<string, unknown>): string {
    const [where = '', ...parameters] = server.args;
    const lost: string[] = [];
    let backup = '';
    for (const parameter of parameters) {
      const [key = '', value] = parameter.split('=');
      if (key === 'backup') backup = isOne ? '' : ' backup';
      else if (key === 'max_fails' && /^\d+$/.test(value ?? '')) {
        if (!isOne) set['maxFails'] = Number(value);
      } else if (key === 'fail_timeout' && timeOf(value) !== undefined) {
        if (!isOne) set['failTimeout'] = timeOf(value);
      } else if (key !== 'resolve') lost.push(parameter);
    }
    const words =
      lost.length === 0 ? '' : `${lost.join(', ')} does not count: the servers get requests in turn`;
    this.#report.say(
      server,
      lost.length === 0 || isOne ? 'kept' : 'changed',
      lost.length === 0 || isOne ? 'in upstream' : words,
    );
    return `${address(where, server)}${backup}`;
  }
}

/** With the values of variables that are set once and to plain text: `set $app web:8000; proxy_pass http://$app;`. */
function withLiterals(url: string, around: readonly Directive[]): string {
  return url.replace(/\$(\w+)|\$\{(\w+)\}/g, (whole, bare?: string, braced?: string) => {
    const set = around.filter(({ name, args }) => name === 'set' && args[0] === `$${bare ?? braced}`);
    const value = set[0]?.args[1];
    return set.length === 1 && value !== undefined && !hasVariable(value) ? value : whole;
  });
}

/** `HOST` is `HOST:80`, as in nginx. */
function address(text: string, { place, name }: Directive): string {
  const full = text.startsWith('unix:') || /:\d+$/.test(text) ? text : `${text}:80`;
  try {
    upstreamList.parse([full]);
    return full;
  } catch (error) {
    throw unreadable(place, `${name}: ${(error as Error).message}`);
  }
}

/** True for what was said in place of an app. */
export function isOutcome(found: App | Outcome): found is Outcome {
  return 'verdict' in found;
}
