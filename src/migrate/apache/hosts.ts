// Which of several VirtualHosts is the site, and where it listens.
import { listenAddress } from '../../config/values.js';
import { type Directive, showDirective, showPlace } from '../directive.js';
import type { Report } from '../report.js';
import type { ApacheTree } from './reader.js';
import { isNamed, live } from './sections.js';

/** The site that is served. */
export interface Site {
  /** The directives outside of every VirtualHost that count. */
  readonly main: readonly Directive[];
  /** The chosen VirtualHost; undefined where there is none, or the server itself has more to say. */
  readonly host: Directive | undefined;
  /** What stands in it. */
  readonly own: readonly Directive[];
}

/** Chooses the site, and says what becomes of the other hosts. */
export function chooseSite(tree: ApacheTree, report: Report): Site {
  const whole = live(tree.tree, tree);
  const hosts = whole.filter((directive) => isNamed(directive, 'virtualhost'));
  const main = whole.filter((directive) => !hosts.includes(directive));
  const inside = new Map(hosts.map((host) => [host, live(host.block ?? [], tree)]));
  const of = (host: Directive): readonly Directive[] => inside.get(host) ?? [];
  const direct = hosts.filter((host) => !redirectsAll(of(host)));
  const answering = (some: readonly Directive[]): Directive | undefined =>
    some.find((host) => answers(of(host), tree));
  const withFiles = (host: Directive): boolean => of(host).some((one) => isNamed(one, 'documentroot'));
  const host =
    answering(direct) ??
    (answers(main, tree) && direct.length === 0
      ? undefined
      : (answering(hosts) ?? direct.find(withFiles) ?? direct[0] ?? hosts[0]));
  const site = { main, host, own: host === undefined ? [] : of(host) };
  for (const other of hosts) if (other !== host) sayOfOther(other, of(other), site, report);
  return site;
}

function sayOfOther(
  other: Directive,
  inside: readonly Directive[],
  { host, own }: Site,
  report: Report,
): void {
  const served = host === undefined ? 'the server itself' : `the host of ${showPlace(host.place)}`;
  if (redirectsAll(inside)) {
    report.say(other, 'not needed', `it sends everybody elsewhere; ${served} is what is served`);
    report.sayWithin(other, 'not needed', 'it stands in a host that sends everybody elsewhere');
    return;
  }
  if (host !== undefined && textOf(inside) === textOf(own)) {
    report.say(other, 'not needed', `it says the same as ${served}`);
    report.sayWithin(other, 'not needed', `${served} says the same`);
    return;
  }
  report.say(
    other,
    'not supported',
    `one host is served, and that is ${served}; start this server once more for another one, from a file that has it alone`,
  );
  report.sayWithin(other, 'not needed', 'it stands in a host that is not served');
}

/** What a host says, without what belongs to TLS and to logs. */
function textOf(inside: readonly Directive[]): string {
  return inside
    .filter(({ name }) => !/^ssl|log|^protocols$/i.test(name))
    .map((directive) => `${showDirective(directive)}{${textOf(directive.block ?? [])}}`)
    .join('\n');
}

/** True where files or an app are served. */
export function answers(inside: readonly Directive[], tree: Pick<ApacheTree, 'skipped'>): boolean {
  return inside.some(
    (directive) =>
      isNamed(directive, 'alias', 'proxypass', 'proxypassmatch', 'wsgiscriptalias') ||
      (isNamed(directive, 'location', 'locationmatch') && answers(live(directive.block ?? [], tree), tree)),
  );
}

const EVERYTHING = new Set([
  '^',
  '.*',
  '^.*$',
  '^.*',
  '(.*)',
  '^(.*)$',
  '^(.*)',
  '^/?(.*)',
  '^/?(.*)$',
  '^/(.*)',
  '^/(.*)$',
  '^/.*',
  '/.*',
  '^/.*$',
  '^/',
]);

/** What a rule may ask for and still concern everybody: by which name or port they came, and that it is no certificate's test. */
const OF_EVERYBODY =
  /^%\{(?:HTTPS|SERVER_NAME|HTTP_HOST|SERVER_PORT|REQUEST_SCHEME|HTTP:X-Forwarded-Proto)\}$/i;

/** True where a host sends everybody to another address, as the one for `http://` does. */
export function redirectsAll(inside: readonly Directive[]): boolean {
  return inside.some((directive, index) => {
    const last = directive.args.at(-1) ?? '';
    if (isNamed(directive, 'redirect', 'redirectpermanent', 'redirecttemp')) {
      return directive.args.at(-2) === '/' && /^https?:\/\//i.test(last);
    }
    if (isNamed(directive, 'redirectmatch')) {
      return EVERYTHING.has(directive.args.at(-2) ?? '') && /^https?:\/\//i.test(last);
    }
    if (!isNamed(directive, 'rewriterule')) return false;
    return isRedirectOfAll(directive, conditionsBefore(inside, index));
  });
}

/** The lines of RewriteCond that a rule depends on. */
export function conditionsBefore(inside: readonly Directive[], index: number): readonly Directive[] {
  let start = index;
  while (start > 0 && inside[start - 1]?.name.toLowerCase() === 'rewritecond') start -= 1;
  return inside.slice(start, index);
}

/** True for a RewriteRule that sends every address to one that begins with `http`. */
export function isRedirectOfAll({ args }: Directive, conditions: readonly Directive[]): boolean {
  const [pattern = '', target = '', flags = ''] = args;
  const isRedirect = /(?:^\[|,)\s*(?:r|redirect)(?:=\w+)?\s*(?:,|\]$)/i.test(flags);
  const concernsAll = conditions.every(
    ({ args: [what = '', test = ''] }) =>
      OF_EVERYBODY.test(what) || (/^%\{REQUEST_URI\}$/i.test(what) && test.startsWith('!')),
  );
  return isRedirect && EVERYTHING.has(pattern) && /^https?:\/\//i.test(target) && concernsAll;
}

/** The address and port of `Listen` or `<VirtualHost>`. */
function addressOf(text: string): { readonly host: string; readonly port: string | undefined } {
  const [, host = '', port] = /^(.*?)(?::(\d{1,5}|\*))?$/.exec(text) ?? [];
  if (/^\d{1,5}$/.test(text)) return { host: '', port: text };
  const isAny = host === '*' || host.toLowerCase() === '_default_';
  return { host: isAny ? '' : host, port: port === '*' ? undefined : port };
}

/** True where the site answers in TLS. */
export function isOfTls({ host, own }: Site): boolean {
  const engine = own.findLast((directive) => isNamed(directive, 'sslengine'))?.args[0];
  if (engine !== undefined) return !/^off$/i.test(engine);
  return host?.args.some((arg) => addressOf(arg).port === '443') ?? false;
}

/** Says what becomes of `Listen`, and gives the `listen` option where there is one to give. */
export function listenOf(site: Site, report: Report): string | undefined {
  const lines = site.main.filter((directive) => isNamed(directive, 'listen'));
  const isTls = isOfTls(site);
  const wanted = isTls ? [] : (site.host?.args ?? []).flatMap((arg) => addressOf(arg).port ?? []);
  const speaksTls = ({ args: [address = '', protocol = ''] }: Directive): boolean =>
    addressOf(address).port === '443' || protocol.toLowerCase() === 'https';
  const plain = lines.filter((line) => !speaksTls(line));
  const fitting = plain.filter(({ args: [address = ''] }) => wanted.includes(addressOf(address).port ?? ''));
  const [chosen] = isTls ? [] : fitting.length > 0 ? fitting : wanted.length > 0 ? [] : plain;
  const port = addressOf(chosen?.args[0] ?? '').port;
  const same = plain.filter(
    ({ args: [address = ''] }) => port !== undefined && addressOf(address).port === port,
  );
  const hosts = new Set(same.map(({ args: [address = ''] }) => addressOf(address).host));
  const address =
    chosen !== undefined
      ? `${hosts.size > 1 ? '' : addressOf(chosen.args[0] ?? '').host}:${port}`
      : wanted.length > 0
        ? ofHost(site.host?.args[0] ?? '')
        : undefined;
  const listen = address !== undefined && isAddress(address) ? address : undefined;
  for (const line of lines) {
    if (same.includes(line) && listen !== undefined) report.say(line, 'kept', `as listen: ${listen}`);
    else if (speaksTls(line) || isTls) {
      report.say(
        line,
        'not needed',
        'this server answers in plain HTTP on --listen; TLS ends in front of it',
      );
    } else report.say(line, 'not supported', 'this server listens on one address (--listen)');
  }
  return listen;
}

function ofHost(text: string): string | undefined {
  const { host, port } = addressOf(text);
  if (port === undefined) return undefined;
  // A name would be looked up; Apache's listeners are what says where it listens.
  return /^[\d.]+$|^\[/.test(host) ? `${host}:${port}` : `:${port}`;
}

function isAddress(text: string): boolean {
  try {
    listenAddress.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return false;
  }
}
