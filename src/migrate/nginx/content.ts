// What answers in a location: the app, files, or nobody.
import { basename, isAbsolute, join } from 'node:path';
import type { LocationKind } from '../../config/options/option.js';
import type { Directive } from '../directive.js';
import type { Report } from '../report.js';
import { notSupported, type Outcome } from '../rows.js';
import { isOfSecureLink } from './access.js';
import { holdingIn } from './holding.js';
import { lastOf } from './row.js';
import { START_GUNICORN } from './rows-app.js';
import { findNginxRow } from './table.js';
import { type App, isOutcome } from './upstreams.js';
import { hasVariable } from './values.js';
import {
  isInternal,
  type LocationSource,
  prefixOf,
  type WrittenLocation,
  wordsOfCondition,
} from './written-location.js';

/** What answers in a location. */
export interface Content {
  readonly kind: LocationKind;
  readonly own: Readonly<Record<string, unknown>>;
  /** The blocks that hold, where they are others than those of the location, which decide on access all the same. */
  readonly chain?: WrittenLocation['chain'];
}

/** What answers there, or what is said of the location when nothing can. */
export function contentOf(
  location: WrittenLocation,
  prefix: string,
  source: LocationSource,
): Content | Outcome {
  const { chain } = location;
  const { report } = source;
  const own = chain.at(-1) ?? [];
  const find = (name: string): Directive | undefined => lastOf(own, name);
  sayOfConditions(own, report);
  const pass = find('proxy_pass');
  const internal = find('internal');
  if (internal !== undefined) report.say(internal, 'kept', 'as the kind internal');
  const returned = find('return');
  if (returned !== undefined) return sayOfReturn(returned, report);
  if (pass !== undefined) {
    if (!isInternal(location)) return appAt(pass, prefix, chain, source);
    report.say(pass, 'not supported', 'an internal location of the app is closed here');
    return { kind: 'denied', own: {} };
  }
  const other = own.find(({ name }) => /^(?:uwsgi|fastcgi|scgi)_pass$/.test(name));
  if (other !== undefined) {
    report.say(other, 'not supported', `this protocol is not spoken here; ${START_GUNICORN}`);
    return notSupported('the app there speaks another protocol');
  }
  const foreign = own.find(({ name }) =>
    /^(?:grpc_pass|memcached_pass|stub_status|empty_gif|flv|mp4|js_content|perl|content_by_lua_block)$/.test(
      name,
    ),
  );
  if (foreign !== undefined) return notSupported(`nothing here stands for ${foreign.name}`);
  const tried = find('try_files');
  const led = tried === undefined ? undefined : sayOfTryFiles(tried, location, prefix, source);
  if (led !== undefined) return led;
  if (own.some((one) => isRewritten(one, prefix))) {
    return notSupported('a rewrite has its files at another path than the one that is asked for');
  }
  return filesAt(location, prefix, source);
}

/** Whether a rewrite changes the paths of files below the prefix: what lies at their own paths is given to nobody then. */
function isRewritten({ name, args: [expression = ''] }: Directive, prefix: string): boolean {
  if (name !== 'rewrite') return false;
  // What takes long to match is taken for one that matches.
  if (expression.length > 200 || /[+*}]\)[+*{]/.test(expression)) return true;
  try {
    const test = new RegExp(expression.replace(/^\(\?i\)/, ''), 'i');
    return ['a', 'a.jpg', 'b/c.txt'].some((name) => test.test(`${prefix}${name}`));
  } catch {
    return true;
  }
}

/** Rewrites and conditions within a location. */
function sayOfConditions(own: readonly Directive[], report: Report): void {
  const signed = lastOf(own, 'secure_link') !== undefined;
  const pass = lastOf(own, 'proxy_pass');
  for (const one of own) {
    // It is spoken of with the address.
    if (one.name === 'set' && pass !== undefined && hasVariableOf(one, pass)) continue;
    if (one.name === 'if' && signed && isOfSecureLink(one)) {
      report.say(one, 'always so', '403 for a wrong link, 410 for one that has expired');
      report.sayWithin(one, 'always so', 'as the block around it');
    } else if (['if', 'rewrite', 'set', 'break', 'valid_referers'].includes(one.name)) {
      report.say(one, 'not supported', wordsOfCondition(one));
      report.sayWithin(one, 'not supported', 'as the block around it');
    }
  }
}

function sayOfReturn(returned: Directive, report: Report): Content | Outcome {
  const [code = ''] = returned.args;
  if (/^[45]\d\d$/.test(code)) {
    report.say(returned, code === '403' ? 'kept' : 'changed', 'as the kind denied: 403');
    return { kind: 'denied', own: {} };
  }
  return notSupported(
    'redirects and answers of fixed text are not read here yet; a view of the app can give them',
  );
}

function appAt(
  pass: Directive,
  prefix: string,
  chain: WrittenLocation['chain'],
  { upstreams, report }: LocationSource,
): Content | Outcome {
  const around = chain.flat();
  const app = upstreams.find(pass, around);
  for (const one of around) {
    if (one.name !== 'set' || !hasVariableOf(one, pass)) continue;
    if (isOutcome(app)) report.say(one, 'not supported', 'there are no variables here');
    else report.say(one, 'kept', 'as upstream');
  }
  if (isOutcome(app)) {
    report.say(pass, app.verdict, app.words);
    return app;
  }
  if (!isSamePath(app, prefix)) {
    const words = `requests keep their path here, and this one changes ${prefix} to ${app.path}; let the app answer at ${prefix} (FORCE_SCRIPT_NAME), and write proxy_pass without a path`;
    report.say(pass, 'not supported', words);
    return notSupported('its path would change');
  }
  report.say(pass, 'kept', `as upstream: ${JSON.stringify(app.own['upstream'])}`);
  return { kind: 'upstream', own: app.own };
}

function hasVariableOf({ args: [variable = ''] }: Directive, { args: [url = ''] }: Directive): boolean {
  return new RegExp(`\\$\\{?${variable.slice(1).replace(/\W/g, '')}\\b`).test(url);
}

/** A path behind the address takes the place of the location's: the same is none. */
function isSamePath({ path }: App, prefix: string): boolean {
  return path === '' || path === prefix;
}

function sayOfTryFiles(
  tried: Directive,
  location: WrittenLocation,
  prefix: string,
  source: LocationSource,
): Content | Outcome | undefined {
  const { all, report } = source;
  const fallback = tried.args.at(-1) ?? '';
  const files = tried.args.slice(0, -1);
  if (fallback.startsWith('@')) {
    const named = all.find(({ match, pattern }) => match === 'named' && pattern === fallback);
    const pass = named?.directive.block?.find(({ name }) => name === 'proxy_pass');
    if (named === undefined || pass === undefined) {
      report.say(tried, 'not supported', `${fallback} is no app that is reached by HTTP`);
      return named === undefined
        ? undefined
        : notSupported(`the app at ${fallback} is not reached by HTTP: ${START_GUNICORN}`);
    }
    const root = lastOf(holdingIn(location.chain, findNginxRow), 'root')?.args[0];
    if (root === undefined) {
      report.say(tried, 'always so', 'no root is named, so that there is no file before the app');
    } else {
      report.say(
        tried,
        'not supported',
        `the app gets every request below ${prefix}, and no file below ${root} is looked for before it; give files a prefix of their own (--static-root, --mount)`,
      );
    }
    report.say(named.directive, 'kept', `as the app of ${prefix}`);
    return { ...appAt(pass, prefix, named.chain, source), chain: named.chain };
  }
  if (!files.some((file) => /^(?:\$uri|\$\{uri\})$/.test(file))) {
    const words =
      'no file is looked for at the path that was asked for ($uri), and other paths are not read here yet';
    report.say(tried, 'not supported', words);
    return notSupported(words);
  }
  if (/^=4\d\d$/.test(fallback) && files.every((file) => /^\$uri\/?$/.test(file))) {
    report.say(
      tried,
      fallback === '=404' ? 'always so' : 'changed',
      fallback === '=404' ? '' : 'a missing file is 404',
    );
    return undefined;
  }
  report.say(
    tried,
    'not supported',
    'what is to be sent in place of a missing file is not read here yet: it is 404',
  );
  return undefined;
}

/** Names that say that files are the site's own. */
const STATIC = /^(?:static|staticfiles|static[-_](?:files|root|build|cdn)|assets|collected[-_]?static)$/i;
/** Names that say that they are uploads, wherever they lie. */
const UPLOADS = /media|upload|attachment|user/i;

function filesAt(
  location: WrittenLocation,
  prefix: string,
  { base, report }: LocationSource,
): Content | Outcome {
  const found = directoryOf(location);
  const [written = ''] = found?.named.args ?? [];
  if (found === undefined || written === '') return notSupported('it names neither a directory nor an app');
  const { named, at } = found;
  // `location ~ ^/media/(.*)$ { alias /srv/media/$1; }`
  const isOfRest =
    named.name === 'alias' && at.expression?.isRestCaptured === true && /[^$]\$1$/.test(written);
  const path = isOfRest ? written.slice(0, -'$1'.length) : written;
  if (hasVariable(path)) {
    report.say(named, 'not supported', 'a directory with a variable in its name is not found');
    return notSupported('its directory has a variable in its name');
  }
  const whole = isAbsolute(path) ? path : join(base, path);
  const isAlias = named.name === 'alias';
  if (isAlias && at.expression !== undefined && !isOfRest) {
    report.say(named, 'not supported', 'with an expression, an alias is the whole path: $1 is missing');
    return notSupported('all its paths lead to one file');
  }
  // An alias stands for the prefix of the location that it stands in, also for one within it.
  const folder = isAlias ? join(whole, prefix.slice((prefixOf(at) ?? prefix).length)) : join(whole, prefix);
  sayOfDirectory(named, at, folder, report);
  const own = { root: withoutSlash(folder) };
  if (isInternal(location)) return { kind: 'internal', own };
  if (isAlias && isOneFile(written, at)) {
    report.say(named, 'not supported', 'it is one file, and a prefix is a directory');
    return notSupported(
      'a location for one file is not read here yet; have the app redirect to it below STATIC_URL',
    );
  }
  const tried = lastOf(location.chain.at(-1) ?? [], 'try_files');
  const isPage =
    /\.html?$/.test(tried?.args.at(-1) ?? '') && !UPLOADS.test(`${basename(prefix)} ${basename(folder)}`);
  return { kind: isPage || isStatic(prefix, folder) ? 'static' : 'media', own };
}

/** The directive that names the directory of a location: of the innermost block that has one. */
function directoryOf(
  location: WrittenLocation,
): { readonly named: Directive; readonly at: WrittenLocation } | undefined {
  for (let at: WrittenLocation | undefined = location; at !== undefined; at = at.outer) {
    const own: readonly Directive[] = at.chain.at(-1) ?? [];
    const named = lastOf(own, 'alias') ?? lastOf(own, 'root');
    if (named !== undefined) return { named, at };
  }
  const root = lastOf(holdingIn(location.chain, findNginxRow), 'root');
  return root === undefined ? undefined : { named: root, at: location };
}

/** `location /favicon.ico { alias /srv/static/favicon.ico; }` */
function isOneFile(path: string, { pattern }: WrittenLocation): boolean {
  return /\.\w+$/.test(pattern) && basename(path).split('.').at(-1) === pattern.split('.').at(-1);
}

/** Whether files may act as part of the site: by their names, and where there is a doubt they may not. */
function isStatic(prefix: string, folder: string): boolean {
  const [name, place] = [basename(prefix), basename(folder)];
  if (UPLOADS.test(name) || UPLOADS.test(place)) return false;
  if (prefix === '/') return true;
  return STATIC.test(name) || STATIC.test(place);
}

function sayOfDirectory(
  named: Directive,
  { pattern }: WrittenLocation,
  folder: string,
  report: Report,
): void {
  const isSlashed = (named.args[0] ?? '').replace(/\$1$/, '').endsWith('/');
  if (named.name === 'root' || isSlashed === pattern.endsWith('/')) {
    report.say(named, 'kept', `as root: ${withoutSlash(folder)}`);
    return;
  }
  report.say(
    named,
    'changed',
    isSlashed
      ? `nginx also gives out what lies beside the directory, at ${pattern}../; here nobody gets it`
      : `nginx puts the rest of the path right behind ${basename(folder)}, without a slash; here it lies in the directory`,
  );
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}
