// nginx's configuration as one of our own: reads the file, finds the site in it, and says what becomes of each line.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quote } from '../../config/errors.js';
import { type Directive, eachDirective, showDirective } from '../directive.js';
import { unreadable } from '../errors.js';
import { Report } from '../report.js';
import { directoryOf, placeOfFile, SourceFiles } from '../source-files.js';
import { type Draft, type Part, sayTheRest, type Translation, translate } from '../translate.js';
import { errorPagesOf } from './error-pages.js';
import { holdingIn } from './holding.js';
import { type Made, partOf } from './locations.js';
import { askedLocations } from './precedence.js';
import { readNginx } from './reader.js';
import { lastOf } from './row.js';
import { chooseServer, isSecure, listens } from './servers.js';
import { findNginxRow, isTable } from './table.js';
import { Upstreams } from './upstreams.js';
import { locationsIn, type WrittenLocation, wordsOfCondition } from './written-location.js';

/** How a file is read. */
export interface NginxOptions {
  /** What named the file, for messages. */
  readonly from: string;
  /** Where relative paths start; the folder of the nginx.conf around the main file when absent, or its own. */
  readonly prefix?: string | undefined;
}

/**
 * @throws {BadValueError} when the file cannot be read as nginx's language, or has no site in it
 */
export function readNginxSite(path: string, { from, prefix }: NginxOptions): Translation {
  const base = prefix ?? prefixAround(path);
  const report = new Report();
  const { tree, leftOut } = readNginx(path, from, base, new SourceFiles());
  checkPlaces(tree);
  const http = contentOfHttp(tree);
  const server = chooseServer(
    http.filter(({ name }) => name === 'server'),
    report,
  );
  if (server === undefined) {
    throw unreadable(
      placeOfFile(path),
      'has no server with a location in it that serves files or an app; server { location … } is expected',
    );
  }
  const upstreams = new Upstreams(http, report);
  const chain = [http, server.block ?? []];
  const written = [...locationsIn(chain), ...implicitRoot(server, chain)];
  const excess = written[MAX_LOCATIONS];
  if (excess !== undefined) {
    throw unreadable(
      excess.directive.place,
      `is location ${MAX_LOCATIONS + 1} of the site; ${MAX_LOCATIONS} are read`,
    );
  }
  const all = askedLocations(written, report);
  const holding = holdingIn(chain, findNginxRow);
  // Before the locations: they are told which of them are for a page alone.
  const pages = errorPagesOf(holding, { all, chain, base, report });
  const source = { all, upstreams, base, report };
  const made = all.flatMap((location) => partOf(location, source) ?? []);
  const parts = withoutTrustInUploads(closeOverFiles(made, report), report).map((part) =>
    withDefaults(part, server, report),
  );
  sayOfBeginnings(made, parts, report);
  for (const block of tree) if (block.name === 'http') report.say(block, 'kept', '');
  sayOfServer(server, report);
  const listen = listenOf(server, report);
  for (const include of leftOut) {
    report.say(include, 'not needed', 'its content is known, and this server does or has the same');
  }
  sayOfMaps(http, report);
  upstreams.sayUnused();
  const draft = withOptions(translateWithApp(holding, parts, all, report), {
    ...listen,
    ...(pages.length === 0 ? {} : { errorPage: pages }),
  });
  sayOfDefaults(server, parts, report);
  sayTheRest(
    findNginxRow,
    eachDirective(tree, ({ name }) => isTable(name)),
    report,
  );
  return {
    draft,
    findings: report.list(
      tree,
      { verdict: 'not needed', words: 'there is nothing here that it would hold for' },
      ({ name }) => isTable(name) && name !== 'upstream',
    ),
  };
}

/** Where relative paths start: the folder of the nginx.conf that the file belongs to, which may lie above it, or its own. */
function prefixAround(path: string): string {
  const own = directoryOf(path);
  for (let folder = own; folder !== '/'; folder = dirname(folder)) {
    if (existsSync(join(folder, 'nginx.conf'))) return folder;
  }
  return own;
}

/** Locations of a site; each is compared with each. */
const MAX_LOCATIONS = 1000;

/** What stands in http, or on its own in a file that another one would include there. */
function contentOfHttp(tree: readonly Directive[]): readonly Directive[] {
  const blocks = tree.filter(({ name }) => name === 'http');
  if (blocks.length > 0) return blocks.flatMap(({ block = [] }) => block);
  if (tree.some(({ name }) => name === 'server')) return tree;
  // A part of a server, such as a file of snippets.
  const [first] = tree.filter(({ name }) => name === 'location');
  return first === undefined ? tree : [{ name: 'server', args: [], place: first.place, block: tree }];
}

/** Refuses a directive that nginx would refuse where it stands. */
function checkPlaces(tree: readonly Directive[]): void {
  const top = tree.some(({ name }) => name === 'http' || name === 'events')
    ? 'main'
    : tree.some(({ name }) => name === 'server')
      ? 'http'
      : 'server';
  const open: { readonly directives: readonly Directive[]; readonly block: string }[] = [
    { directives: tree, block: top },
  ];
  for (const { directives, block } of open) {
    for (const directive of directives) {
      refuseBlank(directive);
      checkBlock(directive);
      const { within } = findNginxRow(directive.name) ?? {};
      if (within !== undefined && !within.includes(block) && block !== 'if' && block !== 'other') {
        throw unreadable(
          directive.place,
          `${showDirective(directive)} stands in ${block} and belongs into ${within.join(', ')}`,
        );
      }
      if (directive.block === undefined || isTable(directive.name)) continue;
      const known = ['http', 'server', 'location', 'if', 'limit_except'].includes(directive.name);
      open.push({ directives: directive.block, block: known ? directive.name : 'other' });
    }
  }
}

/** Directives with a block; one that has none is left out. */
const BLOCKS =
  /^(?:http|server|location|if|limit_except|events|types|map|geo|split_clients|charset_map|upstream|match|stream|mail|rtmp|acme_issuer|\w+_by_lua_block)$/;

/** After a forgotten semicolon the next block would be the directive's own, and be missed. */
function checkBlock(directive: Directive): void {
  const { name, block, place } = directive;
  if (findNginxRow(name) === undefined || (block !== undefined) === BLOCKS.test(name)) return;
  throw unreadable(
    place,
    `${showDirective(directive)} ${block === undefined ? 'ends without a block; "{" is expected' : 'goes on until "{"; ";" is expected at its end'}`,
  );
}

/** Directives whose arguments name a place. */
const NAMES_A_PLACE = /^(?:alias|root|listen|server|proxy_pass|uwsgi_pass)$/;

/** `<path-to-app>` is to be filled in by who reads the page that it comes from. */
function refuseBlank({ name, args, place }: Directive): void {
  const blank = /<[\w .-]+>/.exec(args.join(' '))?.[0];
  if (blank === undefined || !NAMES_A_PLACE.test(name)) return;
  throw unreadable(place, `${quote(blank)} in ${name} is to be filled in; write the value in its place`);
}

/** Without a location for `/`, what the root has there is served. */
function implicitRoot(server: Directive, chain: readonly (readonly Directive[])[]): WrittenLocation[] {
  const { block = [] } = server;
  const hasOwn = block.some(({ name, args }) => name === 'location' && args.at(-1) === '/');
  const root = lastOf(holdingIn(chain, findNginxRow), 'root');
  if (hasOwn || root === undefined) return [];
  const tried = block.filter(({ name }) => name === 'try_files');
  return [
    {
      // The line that makes it one.
      directive: root,
      match: 'prefix',
      pattern: '/',
      chain: [...chain, tried],
    },
  ];
}

/** Where nothing stands for a location, what is around it answers: the app may, and files that nginx never gave must not. */
function closeOverFiles(all: readonly Made[], report: Report): readonly Part[] {
  const parts = all.filter(({ isMissing }) => !isMissing).map(({ part }) => part);
  const closed = all.filter(({ isMissing, part: { prefix } }) => {
    if (!isMissing) return false;
    const [around] = parts
      .filter((one) => one.prefix !== prefix && prefix.startsWith(one.prefix))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    return around !== undefined && ['media', 'static', 'internal'].includes(around.kind);
  });
  for (const { part } of closed) {
    const words = 'as the kind denied: files that lie below the same prefix are not given out in its place';
    report.say(part.declared, 'changed', words);
  }
  return [...parts, ...closed.map(({ part }) => part)];
}

/** `location /x` has `/x-y`, too, which is another location's here: where that has files, some are given out that nginx hides. */
function sayOfBeginnings(all: readonly Made[], parts: readonly Part[], report: Report): void {
  for (const { location, part } of all) {
    const { pattern } = location;
    if (pattern.endsWith('/') || part.kind === 'denied') continue;
    const [around] = parts
      .filter(({ prefix }) => pattern.startsWith(prefix))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    if (around?.kind !== 'media' && around?.kind !== 'static') continue;
    const words = `what only begins like ${pattern} IS OPEN, where files of ${around.prefix} do`;
    report.say(part.declared, 'changed', words);
  }
}

/** Files of the site with uploads among them, as in a root that has both: a stranger's page would run as part of the site. */
function withoutTrustInUploads(parts: readonly Part[], report: Report): readonly Part[] {
  const uploads = parts.filter(({ kind }) => kind === 'media');
  return parts.map((part) => {
    const { kind, own, prefix } = part;
    const inside =
      kind === 'static' ? uploads.find((other) => isWithin(other.own['root'], own['root'])) : undefined;
    if (inside === undefined) return part;
    report.say(
      part.declared,
      'changed',
      `as the kind media: the uploads of ${inside.prefix} lie in the directory of ${prefix}, so that no page there runs scripts; give the site's own files a directory without uploads`,
    );
    return { ...part, kind: 'media' };
  });
}

function isWithin(inner: unknown, outer: unknown): boolean {
  return (
    typeof inner === 'string' &&
    typeof outer === 'string' &&
    `${inner}/`.startsWith(outer === '/' ? '/' : `${outer}/`)
  );
}

function sayOfServer(server: Directive, report: Report): void {
  report.say(server, 'kept', 'it is the site');
  for (const directive of server.block ?? []) {
    // A variable that is the address of the app has been spoken of.
    if (directive.name === 'set' && report.has(directive)) continue;
    if (['return', 'rewrite', 'if', 'set', 'break', 'valid_referers'].includes(directive.name)) {
      report.say(directive, 'not supported', wordsOfCondition(directive));
      report.sayWithin(directive, 'not supported', 'as the block around it');
    } else if (directive.name === 'try_files' && !report.has(directive)) {
      report.say(directive, 'not supported', 'it is read in locations alone');
    }
  }
}

function listenOf(server: Directive, report: Report): Record<string, unknown> {
  const set: Record<string, unknown> = {};
  const secure = isSecure(server);
  for (const directive of (server.block ?? []).filter(({ name }) => name === 'listen')) {
    const [address = '', ...parameters] = directive.args;
    if (/\d-\d+$/.test(address)) {
      report.say(directive, 'not supported', 'one address is listened at: write listen with one port');
    } else if (secure) {
      // What only this machine reaches stays so.
      if (listens(server).every(([one = '']) => LOOPBACK.test(one))) set['listen'] = '127.0.0.1:8080';
      report.say(
        directive,
        'changed',
        `the site answers in plain HTTP where --listen says (${set['listen'] ?? ':8080'}): TLS ends in front of this server`,
      );
    } else {
      const listen = ourAddress(address);
      const before = set['listen'];
      if (before === undefined) {
        set['listen'] = listen;
        report.say(directive, 'kept', `as listen: ${listen}`);
      } else if (isCovered(listen, String(before))) report.say(directive, 'always so', `with ${before}`);
      else report.say(directive, 'not supported', `one address is listened at: ${before}`);
    }
    if (parameters.includes('proxy_protocol')) {
      set['proxyProtocol'] = true;
      report.say(directive, 'kept', 'as proxyProtocol');
    }
    if (parameters.some((word) => word === 'http2' || word === 'quic')) {
      report.say(directive, 'changed', 'HTTP/1.1 is spoken here');
    }
  }
  return set;
}

const LOOPBACK = /^(?:127\.|\[::1\]|localhost(?::|$))/;

/** `80`, `*:80`, `[::]:80`, `0.0.0.0:80`, `example.org`, `unix:/x`. */
function ourAddress(text: string): string {
  if (text.startsWith('unix:')) return text;
  if (/^\d+$/.test(text)) return `:${text}`;
  const [, host = text, port = '80'] =
    /^(.*?)(?::(\d+))?$/.exec(text.replace(/^(\[[^\]]*\])$/, '$1:80')) ?? [];
  return host === '*' || host === '[::]' ? `:${port}` : `${host}:${port}`;
}

/** Whether what listens at the other address answers here, too: `:80` is all addresses, of both families. */
function isCovered(address: string, other: string): boolean {
  const port = /:\d+$/.exec(address)?.[0];
  return address === other || (port !== undefined && (other === port || other === `0.0.0.0${port}`));
}

function sayOfMaps(http: readonly Directive[], report: Report): void {
  for (const map of http.filter(({ name }) => name === 'map')) {
    const [source, variable] = map.args;
    const isUpgrade =
      source === '$http_upgrade' && /^\$connection_upgrade|^\$\w*upgrade\w*/.test(variable ?? '');
    const [verdict, words] = isUpgrade
      ? (['always so', 'WebSockets and other upgrades reach the app'] as const)
      : (['not supported', 'there are no variables here'] as const);
    report.say(map, verdict, words);
    report.sayWithin(map, verdict, 'as the block around it');
  }
}

/** nginx's own largest body counts where the file says nothing: the site has lived with it. */
function withDefaults(part: Part, server: Directive, report: Report): Part {
  if (part.kind !== 'upstream' || lastOf(part.holding, 'client_max_body_size') !== undefined) return part;
  report.say(server, 'kept', "client_max_body_size is not written: maxBody is nginx's 1 MB");
  return { ...part, own: { ...part.own, maxBody: '1mb' } };
}

/** What nobody wrote, and is better here; said of the server, once. */
function sayOfDefaults(server: Directive, parts: readonly Part[], report: Report): void {
  if (!(server.block ?? []).some(({ name }) => name === 'listen')) {
    report.say(server, 'always so', 'listen is not written: port 80 in nginx, 8080 here (listen)');
  }
  const isSilent = ({ kind, holding }: Part): boolean =>
    (kind === 'media' || kind === 'static') &&
    !holding.some(
      ({ name, args }) =>
        name === 'expires' || (name === 'add_header' && /^cache-control$/i.test(args[0] ?? '')),
    );
  if (parts.some(isSilent)) {
    const words =
      'expires is not written everywhere: files without it may be kept for a minute (maxAge), and with nginx as long as a browser likes';
    report.say(server, 'always so', words);
  }
}

/** What is said of an app that speaks another protocol holds for the one that is named in its place (--upstream). */
function translateWithApp(
  holding: readonly Directive[],
  parts: readonly Part[],
  all: readonly WrittenLocation[],
  report: Report,
): Draft {
  const app = all.find(({ directive: { block = [] } }) =>
    block.some(({ name }) => OTHER_PROTOCOL.test(name)),
  );
  if (app === undefined || parts.some(({ kind }) => kind === 'upstream')) {
    return translate(findNginxRow, holding, parts, report);
  }
  const { directive: declared, chain } = app;
  const inPlace: Part = {
    kind: 'upstream',
    prefix: '/',
    own: {},
    declared,
    holding: holdingIn(chain, findNginxRow),
  };
  const { options, locations } = translate(findNginxRow, holding, [...parts, inPlace], report);
  return { options, locations: locations.slice(0, -1) };
}

const OTHER_PROTOCOL = /^(?:uwsgi|fastcgi|scgi)_pass$/;

function withOptions(draft: Draft, options: Readonly<Record<string, unknown>>): Draft {
  return { ...draft, options: { ...options, ...draft.options } };
}
