// From a site to the locations of this server. The URL is divided where a line of the file begins to count: each division has
// one thing that answers, and a list of directives that hold for it; those that are as what is around them need no location.
import { statSync } from 'node:fs';
import { prefix as prefixType } from '../../config/values.js';
import { type Directive, eachDirective, showPlace } from '../directive.js';
import { unreadable } from '../errors.js';
import type { Report } from '../report.js';
import type { Part } from '../translate.js';
import { type Decision, decideAccess } from './access.js';
import { cacheRuleOf } from './by-extension.js';
import { type Handler, Handlers } from './handlers.js';
import type { Site } from './hosts.js';
import type { ApacheTree } from './reader.js';
import { proxyOptions, proxyParameters } from './rows-app.js';
import { asDirectory, asPrefix, byDepth, holdsFor, isByPattern, isNamed, live } from './sections.js';
import { findApacheRow } from './table.js';

/** Divisions of the URL, and lines that hold for them, beyond which a file is none of a site. */
const MAX_DIVISIONS = 500;
const MAX_SECTIONS = 1000;
const MAX_HOLDING = 500;
const MAX_HOLDING_TOGETHER = 10_000;

/** Lines whose meaning is settled here. */
const SETTLED: ReadonlySet<string> = new Set([
  'alias',
  'allow',
  'authmerging',
  'balancermember',
  'deny',
  'documentroot',
  'errordocument',
  'listen',
  'order',
  'proxypass',
  'redirect',
  'require',
  'satisfy',
  'scriptalias',
  'sethandler',
  'sslrequire',
  'sslverifyclient',
  'wsgiscriptalias',
  'xsendfilepath',
]);

/** A division of the URL. */
export interface Division {
  readonly prefix: string;
  /** The line that it begins to count with. */
  readonly origin: Directive;
  readonly handler: Handler | undefined;
  /** The directory that the prefix stands for, where files answer. */
  readonly root: string | undefined;
  readonly decision: Decision;
  /** The sections that hold for it. */
  readonly sections: readonly Directive[];
  readonly holding: readonly Directive[];
}

/** The divisions of a site, and the parts that they become. */
export interface Divided {
  readonly divisions: readonly Division[];
  readonly parts: readonly Part[];
  /** The directives that hold for the server as a whole. */
  readonly ordinary: readonly Directive[];
  /** True where `Satisfy` stands in some section. */
  readonly hasSatisfy: boolean;
}

/** @throws {BadValueError} when there are far more than a site has */
export function divide(tree: ApacheTree, site: Site, report: Report): Divided {
  const all = [...site.main, ...site.own];
  const lines = sortLines(all, tree);
  const ordinary = all.filter(isOrdinary);
  const handlers = new Handlers(tree, site);
  const divisions = [...origins(all, handlers, tree)]
    .map(([prefix, origin]) => divisionOf(prefix, origin, lines, handlers, tree))
    .sort((a, b) => a.prefix.length - b.prefix.length);
  const parts: Part[] = [];
  const kept: Division[] = [];
  for (const division of divisions) {
    const around = kept.findLast(({ prefix }) => division.prefix.startsWith(prefix));
    const part = partOf(division, around, report);
    if (part === undefined) continue;
    kept.push(division);
    parts.push(part);
  }
  sayUnused(handlers, kept, report);
  const hasSatisfy = [...eachDirective(all)].some((one) => isNamed(one, 'satisfy'));
  const documents = all.findLast((one) => isNamed(one, 'documentroot'));
  if (documents !== undefined && !kept.some(({ handler }) => handler?.declared === documents)) {
    const words = handlers.undocumented;
    if (words !== undefined && handlers.of('/') === undefined) report.say(documents, 'not supported', words);
    else report.say(documents, 'not needed', 'something else answers at /');
  }
  return {
    divisions,
    parts: [...parts, ...internalParts(all, ordinary, tree, report)],
    ordinary,
    hasSatisfy,
  };
}

const isOrdinary = (directive: Directive): boolean =>
  directive.block === undefined && !SETTLED.has(directive.name.toLowerCase());

/** True for lines that a location may have something of. */
function isOfLocations(directive: Directive): boolean {
  const row = findApacheRow(directive.name);
  return isOrdinary(directive) && (row?.files !== undefined || row?.app !== undefined);
}

// ---- where the URL is divided

function origins(all: readonly Directive[], handlers: Handlers, tree: ApacheTree): Map<string, Directive> {
  const found = new Map<string, Directive>();
  const add = (prefix: string, directive: Directive): void => {
    if (!found.has(prefix)) found.set(prefix, directive);
    if (found.size > MAX_DIVISIONS) {
      throw unreadable(
        directive.place,
        `there are more than ${MAX_DIVISIONS} paths that something is said of; expected a site`,
      );
    }
  };
  for (const { prefix, declared } of handlers.rules) add(prefix, declared);
  for (const section of all) {
    if (isNamed(section, 'location') && !isByPattern(section) && !/^[a-z]+:/i.test(section.args[0] ?? '')) {
      add(asPrefix(section.args[0] ?? '/'), section);
    }
    if (!isNamed(section, 'directory') || isByPattern(section)) continue;
    const path = asDirectory(section.args[0] ?? '', tree.serverRoot);
    for (const { handler } of handlers.rules) {
      if (handler?.kind !== 'files' || path === handler.root) continue;
      const root = handler.root === '/' ? '' : handler.root;
      if (path.startsWith(`${root}/`)) add(asPrefix(`${handler.prefix}${path.slice(root.length)}`), section);
    }
  }
  return found;
}

/** Names of lines that say who may come in, what runs, or something of some files. */
const GUARD =
  /^(?:require|order$|allow$|deny$|satisfy$|authmerging$|limit$|limitexcept$|if$|else|ssl(?:verifyclient|require)$|sethandler$|files|wsgiaccess|lua|mellon|shib)/i;

/** The lines of a site, by what they are asked for. */
interface Lines {
  readonly ofLocations: readonly Directive[];
  /** Those that stand in no section and say who may come in, or what runs. */
  readonly guards: readonly Directive[];
  readonly directories: readonly Directive[];
  readonly locations: readonly Directive[];
  readonly proxies: readonly Directive[];
}

function sortLines(all: readonly Directive[], tree: ApacheTree): Lines {
  const sections = all.filter(({ block }) => block !== undefined);
  const excess = sections[MAX_SECTIONS];
  if (excess !== undefined) {
    throw unreadable(excess.place, `there are more than ${MAX_SECTIONS} sections; expected a site`);
  }
  return {
    ofLocations: all.filter(isOfLocations),
    guards: all.filter(({ name }) => GUARD.test(name)),
    directories: byDepth(
      sections.filter((one) => isNamed(one, 'directory') && one.args[0] !== '~'),
      tree.serverRoot,
    ),
    locations: sections.filter((one) => isNamed(one, 'location') && !isByPattern(one)),
    proxies: sections.filter((one) => isNamed(one, 'proxy')),
  };
}

function divisionOf(
  prefix: string,
  origin: Directive,
  lines: Lines,
  handlers: Handlers,
  tree: ApacheTree,
): Division {
  const handler = handlers.of(prefix);
  const root =
    handler?.kind === 'files'
      ? asDirectory(`${handler.root}/${prefix.slice(handler.prefix.length)}`, '/')
      : undefined;
  const inside = (section: Directive): Directive[] => live(section.block ?? [], tree);
  const sections = [
    ...lines.directories.filter(
      ({ args: [path = ''] }) =>
        root !== undefined && holdsFor(asDirectory(path, tree.serverRoot), root) === 'all',
    ),
    ...lines.proxies.filter((one) => handler?.kind === 'app' && isForProxy(one, addressIn(handler.declared))),
    ...lines.locations.filter(({ args: [path = '/'] }) => prefix.startsWith(asPrefix(path))),
  ];
  const contents = sections.flatMap(inside);
  const held = contents.filter(isOfLocations);
  const byExtension =
    handler?.kind === 'files'
      ? [...lines.guards, ...contents].filter((one) => cacheRuleOf(one) !== undefined)
      : [];
  // A time on the line itself counts before all others.
  const hasOwnTime = handler?.kind === 'app' && proxyParameters(handler.declared.args).has('timeout');
  // The first that has a name counts, and in Apache the last.
  const all = [...byExtension.reverse(), ...lines.ofLocations, ...held];
  const holding = hasOwnTime ? all.filter((one) => !isNamed(one, 'timeout', 'proxytimeout')) : all;
  if (holding.length > MAX_HOLDING) {
    throw unreadable(origin.place, `more than ${MAX_HOLDING} lines hold for ${prefix}; expected a site`);
  }
  const scopes = [lines.guards, ...sections.map(inside)];
  const decision = decideAccess(scopes, handler?.kind === 'app' ? 'app' : 'files', tree);
  const runs = handler?.kind === 'files' ? handlerIn(scopes) : undefined;
  if (runs === undefined || handler === undefined)
    return { prefix, origin, handler, root, decision, sections, holding };
  const words = `nothing is run here (${runs.args[0]}), so the path is closed rather than its sources sent`;
  const closed: Handler = { kind: 'closed', prefix: handler.prefix, declared: runs, words };
  return { prefix, origin, handler: closed, root, decision, sections, holding };
}

function addressIn({ args }: Directive): string {
  return args.find((word) => word.includes('://')) ?? '';
}

function isForProxy({ args: [pattern = ''] }: Directive, address: string): boolean {
  if (pattern === '~') return false;
  return pattern === '*' || address.toLowerCase().startsWith(pattern.toLowerCase().replace(/\*$/, ''));
}

/** The SetHandler that has every file of a division run, or made into something else. */
function handlerIn(scopes: readonly (readonly Directive[])[]): Directive | undefined {
  const last = scopes.flat().findLast((one) => isNamed(one, 'sethandler'));
  return last === undefined || /^(?:none|default-handler)$/i.test(last.args[0] ?? '') ? undefined : last;
}

// ---- what becomes of a division

function partOf(division: Division, around: Division | undefined, report: Report): Part | undefined {
  const { prefix, origin, handler, decision } = division;
  const refused = refusePrefix(prefix);
  if (handler === undefined || handler.kind === 'left out') {
    if (handler !== undefined) report.say(handler.declared, 'not supported', handler.words);
    if (around === undefined || isDenied(around) || handler !== undefined) return undefined;
    report.say(origin, 'changed', `nothing is served at ${prefix}, and nothing else answers there: 403`);
    return deniedPart(division);
  }
  if (refused !== undefined) {
    report.say(handler.declared, 'not supported', refused);
    return undefined;
  }
  sayAccess(division, report);
  if (handler.kind === 'closed') {
    if (handler.words === '') report.say(handler.declared, 'kept', `as denied: ${prefix} (403)`);
    else report.say(handler.declared, 'not supported', handler.words);
    // Nothing answers there, and what is around it must not.
    return around === undefined && handler.words !== ''
      ? undefined
      : isSame(division, around)
        ? undefined
        : deniedPart(division);
  }
  if (isSame(division, around)) return undefined;
  if (decision.access !== 'all') return deniedPart(division);
  const { root } = division;
  if (
    prefix !== handler.prefix &&
    root !== undefined &&
    statSync(root, { throwIfNoEntry: false })?.isDirectory() === false
  ) {
    report.say(
      origin,
      'not supported',
      `locations are directories: ${root} is answered as what is around it`,
    );
    return undefined;
  }
  sayOpened(division, around, report);
  return handler.kind === 'files'
    ? filesPart(division, handler, report)
    : appPart(division, handler, around, report);
}

const isDenied = ({ handler, decision }: Division): boolean =>
  handler?.kind === 'closed' || handler === undefined || decision.access !== 'all';

/** True where a location would say what the one around it says. */
function isSame(division: Division, around: Division | undefined): boolean {
  if (around === undefined) return false;
  if (isDenied(division) || isDenied(around)) return isDenied(division) && isDenied(around);
  return (
    isSameHandler(division.handler, around.handler) &&
    division.holding.length === around.holding.length &&
    division.holding.every((directive, index) => directive === around.holding[index])
  );
}

function isSameHandler(one: Handler | undefined, other: Handler | undefined): boolean {
  if (one?.kind !== 'app' || other?.kind !== 'app') return one?.declared === other?.declared;
  const what = ({ target: { upstream, set }, declared }: Handler & { kind: 'app' }): string =>
    JSON.stringify([upstream, set, proxyOptions(proxyParameters(declared.args))]);
  return one.target.changed.length === 0 && what(one) === what(other);
}

function refusePrefix(prefix: string): string | undefined {
  try {
    return prefixType.parse(asWritten(prefix)) === prefix
      ? undefined
      : `${prefix} cannot be the beginning of a location`;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error.message;
  }
}

/** In our file a percent sign begins an escape. */
const asWritten = (prefix: string): string => prefix.replaceAll('%', '%25');

function deniedPart(division: Division): Part {
  const { prefix, origin } = division;
  return { kind: 'denied', prefix: asWritten(prefix), own: {}, declared: origin, holding: [] };
}

function filesPart(
  { prefix, root = '/', holding }: Division,
  handler: Handler & { kind: 'files' },
  report: Report,
): Part {
  const kind = isOfTheApp(handler) ? 'static' : 'media';
  if (prefix === handler.prefix) {
    const trust =
      kind === 'media'
        ? 'uploads, of which none runs as part of the site; `static` is the kind for files of your own'
        : "the app's own files";
    const words = `as ${kind}: ${prefix} = ${root} (${trust})`;
    if (handler.differs === '') report.say(handler.declared, 'kept', words);
    else report.say(handler.declared, 'changed', `${words}; ${handler.differs}`);
  }
  const usesIndex = kind === 'static' && !holding.some((one) => isNamed(one, 'directoryindex'));
  const own = { root, ...(usesIndex ? { index: 'index.html' } : {}) };
  return { kind, prefix: asWritten(prefix), own, declared: handler.declared, holding };
}

/** True where the names say that these are the app's own files. */
function isOfTheApp({ prefix, root, declared }: Handler & { kind: 'files' }): boolean {
  if (isNamed(declared, 'documentroot') || prefix === '/') return true;
  const last = [prefix, root].map((path) => path.split('/').filter(Boolean).at(-1) ?? '');
  if (last.some((name) => /media|upload/i.test(name))) return false;
  return last.some((name) =>
    /(?:^|[-_.])(?:static|statics|assets|static-?files|static-?root)(?:$|[-_.])/i.test(name),
  );
}

function appPart(
  { prefix, holding }: Division,
  handler: Handler & { kind: 'app' },
  around: Division | undefined,
  report: Report,
): Part {
  const { upstream, set, used } = handler.target;
  const parameters = proxyParameters(handler.declared.args);
  const { failTimeout, ...others } = proxyOptions(parameters);
  // Of one server none is left out.
  const own = typeof upstream === 'string' || failTimeout === undefined ? others : { ...others, failTimeout };
  const missing = ['stickysession', 'route', 'failonstatus', 'redirect'].filter((key) => parameters.has(key));
  const bare = handler.path.endsWith('/') || prefix !== handler.prefix ? undefined : handler.path;
  const isOfOther =
    bare !== undefined &&
    JSON.stringify(around?.handler?.kind === 'app' ? around.handler.target.upstream : '') !==
      JSON.stringify(upstream);
  const changed = [
    ...handler.target.changed,
    ...(isOfOther ? [`${bare} itself, without a slash at its end, is answered as what is around it`] : []),
    ...(missing.length > 0 ? [`without ${missing.join(', ')}: each request may go to any server`] : []),
  ];
  const shown = typeof upstream === 'string' ? upstream : upstream.join(', ');
  const words = `as upstream: ${shown} at ${prefix}`;
  if (changed.length === 0) report.say(handler.declared, 'kept', words);
  else report.say(handler.declared, 'changed', `${words}; ${changed.join('; ')}`);
  for (const line of used) report.say(line, 'kept', 'as one of the addresses of upstream');
  return {
    kind: 'upstream',
    prefix: asWritten(prefix),
    own: { upstream, ...set, ...own },
    declared: handler.declared,
    holding,
  };
}

// ---- what is said of it

const ASK = 'this server knows no users and no addresses; `authRequest` asks the app before each file';

function sayAccess({ prefix, decision, sections }: Division, report: Report): void {
  const { access, by } = decision;
  for (const line of by) {
    const [verdict, words] =
      access === 'all'
        ? (['always so', 'open to everybody'] as const)
        : access === 'none'
          ? (['kept', `as denied: ${prefix}`] as const)
          : ([
              'not supported',
              `closed to everybody here rather than open to all (denied: ${prefix}); ${ASK}`,
            ] as const);
    report.say(line, verdict, words);
    report.sayWithin(line, verdict, words);
  }
  for (const section of sections) report.say(section, 'kept', `for ${prefix}`);
}

/** A path that opens what is closed around it does so for what is below it, not for itself without a slash. */
function sayOpened({ prefix, origin }: Division, around: Division | undefined, report: Report): void {
  if (around === undefined || !isDenied(around) || !isNamed(origin, 'location')) return;
  if (origin.args[0]?.endsWith('/') === true) return;
  report.say(
    origin,
    'changed',
    `for ${prefix} and what is below it; ${prefix.slice(0, -1)} itself is closed as what is around it`,
  );
}

function sayUnused(handlers: Handlers, kept: readonly Division[], report: Report): void {
  for (const { prefix, declared, handler } of handlers.rules) {
    if (report.has(declared)) continue;
    const answering = handlers.of(prefix);
    if (handler === undefined) {
      report.say(declared, 'kept', `${prefix} stays with this server`);
    } else if (answering === undefined || answering.declared === declared) {
      const around = kept.findLast((division) => prefix.startsWith(division.prefix));
      if (around !== undefined) report.say(declared, 'kept', `in ${around.prefix}`);
    } else {
      const other = `${answering.declared.name} of ${showPlace(answering.declared.place)}`;
      const cure =
        answering.kind === 'app' && handler.kind === 'files'
          ? `; for the files write "ProxyPass ${prefix} !" before it`
          : '';
      report.say(declared, 'not needed', `${other} comes first at ${prefix}, in Apache, too${cure}`);
    }
  }
}

// ---- mod_xsendfile

function internalParts(
  all: readonly Directive[],
  ordinary: readonly Directive[],
  tree: ApacheTree,
  report: Report,
): Part[] {
  const lines = all.filter((one) => isNamed(one, 'xsendfilepath'));
  const last = all.findLast((one) => isNamed(one, 'xsendfile'));
  const isOn = /^on$/i.test(last?.args[0] ?? '');
  if (last !== undefined && !isOn)
    report.say(last, 'always so', 'without XSendFilePath the app hands out no files');
  else if (last !== undefined && lines.length > 0) report.say(last, 'kept', 'as locations of kind internal');
  else if (last !== undefined)
    report.say(
      last,
      'changed',
      'the app hands out files of the directories that --internal names, and none is named',
    );
  if (!isOn) return [];
  const holding = ordinary.filter((one) => isNamed(one, 'addtype', 'adddefaultcharset', 'enablesendfile'));
  return lines.map((declared, index) => {
    const prefix = `/.xsendfile/${index + 1}/`;
    const root = asDirectory(declared.args[0] ?? '', tree.serverRoot);
    report.say(declared, 'kept', `as internal: ${root}, at ${prefix}, which nobody can ask for`);
    return { kind: 'internal', prefix, own: { root }, declared, holding };
  });
}

/** @throws {BadValueError} when the directives of all parts together are more than a site has */
export function checkSize({ parts }: Divided, tree: ApacheTree): void {
  const together = parts.reduce((sum, { holding }) => sum + holding.length, 0);
  const [first] = tree.tree;
  if (together <= MAX_HOLDING_TOGETHER || first === undefined) return;
  throw unreadable(
    first.place,
    `more than ${MAX_HOLDING_TOGETHER} lines would be said of ${parts.length} paths; expected a site`,
  );
}
