// Apache's configuration → ours: reads it, chooses the site, finds its locations, and says what became of every line.
import { statSync } from 'node:fs';
import { posix } from 'node:path';
import { type Directive, eachDirective } from '../directive.js';
import { unreadable } from '../errors.js';
import { Report, type Verdict } from '../report.js';
import { sayTheRest, type Translation, translate } from '../translate.js';
import { closes } from './access.js';
import { cacheRuleOf } from './by-extension.js';
import { chooseSite, conditionsBefore, isOfTls, isRedirectOfAll, listenOf, type Site } from './hosts.js';
import { checkSize, type Divided, type Division, divide } from './parts.js';
import { type ApacheTree, explainUndefined, type ReadOptions, readTree } from './reader.js';
import { asDirectory, holdsFor, isByPattern, isNamed, isOfDotfiles, live } from './sections.js';
import { findApacheRow } from './table.js';

/** What is said of a line that no other says anything of. */
const REST = { verdict: 'not needed', words: 'nothing that is served here depends on it' } as const;

/**
 * Reads an Apache configuration and what it includes.
 * @param path of the main file, or of the site's file alone
 * @throws {BadValueError} in one line, when it cannot be read as this language
 */
export function readApache(path: string, options: ReadOptions): Translation {
  const tree = readTree(path, options);
  checkLines(tree);
  const report = new Report();
  for (const [section, reason] of tree.skipped) {
    report.say(section, 'not needed', reason);
    report.sayWithin(section, 'not needed', 'it stands in a part that is left out');
  }
  const site = chooseSite(tree, report);
  const divided = divide(tree, site, report);
  checkSize(divided, tree);
  const listen = listenOf(site, report);
  sayOfHost(site, divided, listen, report);
  const all = [...site.main, ...site.own];
  const errorPage = all
    .filter((one) => isNamed(one, 'errordocument'))
    .flatMap((one) => errorPageOf(one, divided, report));
  for (const scope of scopesOf(all, tree)) sayOfRules(scope, all, report);
  sayOfPatterns(all, divided, tree, report);
  sayOfLimits(divided, tree, report);
  const draft = translate(findApacheRow, divided.ordinary, divided.parts, report);
  sayTheRest(findApacheRow, eachDirective(tree.tree), report);
  return {
    draft: {
      options: {
        ...(listen === undefined ? {} : { listen }),
        ...draft.options,
        ...(errorPage.length === 0 ? {} : { errorPage }),
      },
      locations: draft.locations,
    },
    findings: report.list(tree.tree, REST),
  };
}

/** What Apache refuses, and what would be guessed at. */
function checkLines(tree: ApacheTree): void {
  for (const [directive, variable] of tree.undefinedIn) {
    // Logs and certificates may be anywhere: nothing here depends on them.
    if (/log$/i.test(directive.name) || findApacheRow(directive.name)?.says?.verdict === 'not needed')
      continue;
    throw unreadable(directive.place, explainUndefined(variable));
  }
  const check = (directives: readonly Directive[], isInLocation: boolean): void => {
    for (const one of live(directives, tree)) {
      const least = LEAST_ARGUMENTS.get(one.name.toLowerCase()) ?? 0;
      if (one.args.length < (isInLocation && isNamed(one, 'alias', 'proxypass') ? 1 : least)) {
        throw unreadable(one.place, `${one.name} has too few words; expected ${least} of them`);
      }
      if (isNamed(one, 'alias') && one.args.length > 2) {
        throw unreadable(one.place, `${one.name} has too many words; expected a path and a directory`);
      }
      if (one.block !== undefined) check(one.block, isNamed(one, 'location', 'locationmatch'));
    }
  };
  check(tree.tree, false);
}

const LEAST_ARGUMENTS: ReadonlyMap<string, number> = new Map([
  ['alias', 2],
  ['documentroot', 1],
  ['listen', 1],
  ['proxypass', 2],
  ['require', 1],
  ['wsgiscriptalias', 2],
  ['xsendfilepath', 1],
]);

// ---- the host

function sayOfHost(site: Site, { parts }: Divided, listen: string | undefined, report: Report): void {
  const { host } = site;
  if (host === undefined) return;
  if (parts.length === 0) {
    report.say(host, 'not supported', 'nothing in it can be served: see its lines');
  } else if (isOfTls(site)) {
    report.say(
      host,
      'changed',
      'as this server, in plain HTTP on --listen: TLS ends in front of it, at a proxy that trustProxy names',
    );
  } else {
    report.say(host, 'kept', `as this server${listen === undefined ? '' : `, on listen: ${listen}`}`);
  }
  const kinds = new Set(parts.map(({ kind }) => kind));
  const words: string[] = [];
  if (kinds.has('media') || kinds.has('static')) {
    words.push(
      'files may be kept for 60 seconds (`maxAge`) where nothing else is said, text has the charset utf-8, names that begin with a dot are not served, and the path of a location has a slash at its end',
    );
  }
  if (kinds.has('media')) words.push('uploads carry fields that keep them from running as part of the site');
  if (kinds.has('upstream'))
    words.push('bodies for the app may have 100 MB (`maxBody`), and the app is told the Host of the client');
  if (words.length > 0) report.say(host, 'always so', words.join('; '));
}

// ---- ErrorDocument

function errorPageOf(directive: Directive, { divisions }: Divided, report: Report): string[] {
  const [status = '', written = ''] = directive.args;
  const say = (verdict: Verdict, words: string): string[] => {
    report.say(directive, verdict, words);
    return [];
  };
  if (written.toLowerCase() === 'default') return say('always so', '');
  if (!/^[45]\d\d$/.test(status)) return say('not supported', 'a page is for a status from 400 to 599');
  if (!written.startsWith('/')) {
    return say(
      'not supported',
      'an error page is a file: write the text into one, and name it in `errorPage`',
    );
  }
  const path = posix.normalize(written);
  const division = divisions.findLast(({ prefix }) => path.startsWith(prefix));
  if (division?.root === undefined || division.handler?.kind !== 'files') {
    return say(
      'not supported',
      'an error page is a file, and here the app answers; name a file below a served directory',
    );
  }
  const file = posix.join(division.root, path.slice(division.prefix.length));
  if (file.includes(',') || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    return say('not supported', `${file} is not there; name a file in \`errorPage\``);
  }
  report.say(directive, 'kept', `as errorPage: ${status}=${file}, for the answers of this server`);
  return [`${status}=${file}`];
}

// ---- rewriting and redirects

/** The lists of directives in which rules follow each other. */
function scopesOf(all: readonly Directive[], tree: ApacheTree): (readonly Directive[])[] {
  const inner = all.filter(({ block }) => block !== undefined).map(({ block = [] }) => live(block, tree));
  return [all, ...inner.flatMap((scope) => scopesOf(scope, tree))];
}

function sayOfRules(scope: readonly Directive[], all: readonly Directive[], report: Report): void {
  const engine = [...all, ...scope].findLast((one) => isNamed(one, 'rewriteengine'))?.args[0];
  for (const [index, one] of scope.entries()) {
    if (report.has(one)) continue;
    if (isNamed(one, 'redirect', 'redirectpermanent', 'redirectmatch')) sayOfRedirect(one, report);
    if (!isNamed(one, 'rewriterule')) continue;
    const [verdict, words] = outcomeOfRule(one, conditionsBefore(scope, index), /^on$/i.test(engine ?? ''));
    report.say(one, verdict, words);
    for (const condition of conditionsBefore(scope, index))
      report.say(
        condition,
        verdict === 'not supported' ? 'not needed' : verdict,
        'see the RewriteRule below it',
      );
  }
}

function sayOfRedirect(one: Directive, report: Report): void {
  const target = one.args.at(-1) ?? '';
  if (isNamed(one, 'redirectmatch') && /^(?:gone|4\d\d)$/i.test(one.args[0] ?? '')) {
    if (isOfDotfiles(one)) report.say(one, 'always so', 'names that begin with a dot are not served');
    else
      report.say(
        one,
        'not supported',
        'a location is the beginning of a path: what this closes is open here',
      );
  } else if (one.args.at(-2) === '/' && /^https:/i.test(target)) {
    report.say(
      one,
      'changed',
      'nothing is redirected here: where TLS ends, in front, http:// can be sent to https://',
    );
  }
}

function outcomeOfRule(
  rule: Directive,
  conditions: readonly Directive[],
  isOn: boolean,
): readonly [Verdict, string] {
  const [, target = '', flags = ''] = rule.args;
  if (!isOn) return ['not needed', 'RewriteEngine is not on, so Apache does not look at it either'];
  if (isRedirectOfAll(rule, conditions) && /^https:/i.test(target)) {
    return [
      'changed',
      'nothing is redirected here: where TLS ends, in front, http:// can be sent to https://',
    ];
  }
  const isProxied = /[[,]\s*P\s*[,\]]/i.test(flags);
  if (isProxied && /^(?:wss?|unix:.*\|wss?):/i.test(target))
    return ['always so', 'WebSockets are handed to the app'];
  if (isProxied && conditions.some(({ args }) => /^%\{HTTP:(?:Upgrade|Connection)\}$/i.test(args[0] ?? ''))) {
    return ['always so', 'WebSockets are handed to the app'];
  }
  if (target === '-' && /HTTP_AUTHORIZATION/i.test(flags)) return ['always so', 'the app gets Authorization'];
  if (/[[,]\s*(?:F|forbidden|G|gone)\s*[,\]]/i.test(flags)) {
    if (isOfDotfiles({ ...rule, name: 'match' }) && conditions.length === 0)
      return ['always so', 'names that begin with a dot are not served'];
    return ['not supported', 'no address is looked at by a pattern: what this refuses is open here'];
  }
  if (isProxied) return ['not supported', 'requests go by the beginning of their path: write ProxyPass'];
  return [
    'not supported',
    'no address is rewritten here: what this sends elsewhere goes where its address leads',
  ];
}

// ---- sections that go by a pattern

function sayOfPatterns(all: readonly Directive[], divided: Divided, tree: ApacheTree, report: Report): void {
  const visit = (directives: readonly Directive[], isSeen: boolean): void => {
    for (const one of directives) {
      if (one.block === undefined || isNamed(one, 'virtualhost')) continue;
      const isPattern =
        isNamed(
          one,
          'files',
          'filesmatch',
          'directorymatch',
          'locationmatch',
          'proxymatch',
          'if',
          'elseif',
          'else',
        ) ||
        (isNamed(one, 'location', 'proxy', 'directory') && isByPattern(one) && !report.has(one));
      if (isNamed(one, 'directory') && isByPattern(one)) sayOfParts(one, divided, tree, report);
      if (isPattern) {
        if (isSeen && concerns(one, divided, tree)) sayOfPattern(one, divided, tree, report);
        continue;
      }
      visit(live(one.block, tree), isSeen && (isNamed(one, 'location', 'proxy') || report.has(one)));
    }
  };
  visit(all, true);
}

/** A `<Directory>` with wildcards that may hold for a part of a location: which part, no prefix says. */
function sayOfParts(section: Directive, divided: Divided, tree: ApacheTree, report: Report): void {
  const { divisions } = divided;
  if (section.args[0] === '~') return;
  const path = asDirectory(section.args[0] ?? '', tree.serverRoot);
  const isClosing = mayClose(section, divided, tree);
  const isOpening = saysAccess(section) && (divided.hasSatisfy || !isClosing);
  const partly = divisions.filter(({ root }) => root !== undefined && holdsFor(path, root) === 'below');
  if (isClosing && partly.some(({ decision }) => decision.access === 'all')) {
    report.say(section, 'not supported', OPEN_HERE);
  }
  if (isOpening && partly.some(({ decision }) => decision.access !== 'all')) {
    report.say(
      section,
      'not supported',
      'a location is the beginning of a path: what this opens stays closed here',
    );
  }
}

/** Whether a section keeps somebody out, by itself or, where Satisfy is said somewhere, together with others. */
function mayClose(section: Directive, { hasSatisfy }: Divided, tree: ApacheTree): boolean {
  return closes(section, 'files', tree) || (hasSatisfy && saysAccess(section));
}

/** Whether something in it says who may come in. */
function saysAccess(section: Directive): boolean {
  return [...eachDirective(section.block ?? [])].some((one) =>
    isNamed(one, 'require', 'order', 'allow', 'deny', 'satisfy'),
  );
}

const OPEN_HERE =
  'a location is the beginning of a path: what this closes is OPEN here; move it out of the directories that are served, or let the app answer there';

/** Whether a section may hold for something that is served. */
function concerns(section: Directive, { divisions }: Divided, tree: ApacheTree): boolean {
  const kinds = new Set(divisions.map(({ handler }) => handler?.kind));
  if (isNamed(section, 'files', 'filesmatch', 'directorymatch')) return kinds.has('files');
  if (isNamed(section, 'proxy', 'proxymatch')) return kinds.has('app') && section.args[0] !== '*';
  if (!isNamed(section, 'directory')) return true;
  if (section.args[0] === '~') return kinds.has('files');
  const path = asDirectory(section.args[0] ?? '', tree.serverRoot);
  return divisions.some(({ root }) => root !== undefined && holdsFor(path, root) !== 'none');
}

function sayOfPattern(section: Directive, divided: Divided, tree: ApacheTree, report: Report): void {
  const { divisions } = divided;
  const isClosing = mayClose(section, divided, tree);
  const inside = [...eachDirective(live(section.block ?? [], tree))];
  const say = (verdict: Verdict, words: string, within: string, inner: Verdict = verdict): void => {
    report.say(section, verdict, words);
    report.sayWithin(section, inner, within);
  };
  const see = 'see the section around it';
  if (isNamed(section, 'files', 'filesmatch') && cacheRuleOf(section) !== undefined) {
    report.sayWithin(section, 'kept', see);
    return;
  }
  if (isClosing && isOfDotfiles(section)) {
    say('always so', 'names that begin with a dot are not served', see);
  } else if (isClosing && report.has(section)) {
    report.sayWithin(section, 'not needed', see);
  } else if (isClosing) {
    const isClosedAnyway = divisions.every(
      ({ decision, handler }) => handler?.kind !== 'files' || decision.access !== 'all',
    );
    if (isClosedAnyway && !isNamed(section, 'locationmatch', 'if', 'elseif', 'else')) {
      say('not needed', 'it stands in what is closed', see);
    } else {
      say('not supported', OPEN_HERE, see, 'not needed');
    }
  } else if (
    inside.every((one) =>
      isNamed(one, 'require', 'requireall', 'requireany', 'order', 'allow', 'deny', 'satisfy'),
    )
  ) {
    say('not needed', 'it opens what a location opens or closes as a whole', see);
  } else if (
    inside.some(
      (one) =>
        isNamed(one, 'sethandler', 'addhandler', 'forcetype') &&
        /proxy:|fcgi|php|cgi|script/i.test(one.args[0] ?? ''),
    )
  ) {
    say(
      'not supported',
      'nothing is run here: such files are sent as they are, source and all; move them out of the directory',
      see,
      'not needed',
    );
  } else if (isNamed(section, 'if', 'elseif', 'else')) {
    say('not supported', 'what holds for some requests only has no counterpart', see, 'not needed');
  } else {
    say(
      'not supported',
      'what holds for some names only has no counterpart but `cacheControl` and `types`',
      see,
      'not needed',
    );
  }
}

/** `<Limit>` and `<LimitExcept>` that keep nobody from reading, and `AllowMethods`. */
function sayOfLimits({ divisions }: Divided, tree: ApacheTree, report: Report): void {
  const seen = new Map<Directive, Division>();
  for (const division of divisions)
    for (const section of division.sections) seen.set(section, seen.get(section) ?? division);
  for (const [section, division] of seen) {
    for (const one of live(section.block ?? [], tree)) {
      if (!isNamed(one, 'limit', 'limitexcept', 'allowmethods', 'sslrequiressl') || report.has(one)) continue;
      if (isNamed(one, 'sslrequiressl')) {
        report.say(
          one,
          'changed',
          'this server answers in plain HTTP; where TLS ends, in front, nothing else is let through',
        );
        continue;
      }
      const isHarmless =
        division.handler?.kind !== 'app' || (one.block !== undefined && !closes(one, 'app', tree));
      const words = isHarmless
        ? 'files are read with GET and HEAD only'
        : 'every method reaches the app, which refuses what it does not take';
      report.say(one, isHarmless ? 'always so' : 'not supported', words);
      report.sayWithin(one, isHarmless ? 'always so' : 'not needed', 'see the section around it');
    }
  }
}
