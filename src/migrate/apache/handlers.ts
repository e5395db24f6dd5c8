// What answers below a path, in the order in which Apache's modules are asked: mod_proxy, mod_alias, mod_wsgi, and then the
// DocumentRoot. Within a module the first line that fits counts, a VirtualHost's before those outside of it.
import { statSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import { type Directive, showPlace } from '../directive.js';
import { conditionsBefore, isRedirectOfAll, type Site } from './hosts.js';
import { type Balancers, type ProxyTarget, readBalancers, readTarget } from './proxy-target.js';
import type { ApacheTree } from './reader.js';
import { asDirectory, asPrefix, isByPattern, isNamed, live } from './sections.js';

/** What answers. */
export type Handler =
  | {
      readonly kind: 'files';
      readonly prefix: string;
      readonly root: string;
      readonly declared: Directive;
      readonly differs: string;
    }
  | {
      readonly kind: 'app';
      readonly prefix: string;
      /** As it is written. */
      readonly path: string;
      readonly target: ProxyTarget;
      readonly declared: Directive;
    }
  /** It has no counterpart, and nothing else may answer in its place. */
  | { readonly kind: 'closed'; readonly prefix: string; readonly declared: Directive; readonly words: string }
  /** It has no counterpart, and what is around it answers. */
  | {
      readonly kind: 'left out';
      readonly prefix: string;
      readonly declared: Directive;
      readonly words: string;
    };

/** One line that hands paths to something; undefined as handler: they stay with what comes after this module. */
interface Rule {
  readonly prefix: string;
  readonly declared: Directive;
  readonly handler: Handler | undefined;
}

/** All that a site hands paths to. */
export class Handlers {
  readonly #tree: ApacheTree;
  readonly #ofLocations: readonly Rule[];
  readonly #proxy: readonly Rule[];
  readonly #closed: readonly Rule[];
  readonly #aliases: readonly Rule[];
  readonly #wsgi: readonly Rule[];
  readonly #documents: Rule | undefined;
  /** Why the DocumentRoot is not served, where it is not. */
  readonly undocumented: string | undefined;

  constructor(tree: ApacheTree, { main, own }: Site) {
    this.#tree = tree;
    const all = [...main, ...own];
    const first = [...own, ...main];
    const inside = (section: Directive): Directive[] => live(section.block ?? [], tree);
    const balancers = readBalancers(all, inside);
    const named = (...names: readonly string[]): Directive[] => first.filter((one) => isNamed(one, ...names));
    const locations = all.filter((one) => isNamed(one, 'location') && !isByPattern(one));
    this.#ofLocations = locations.flatMap((location) =>
      inside(location)
        .filter((one) => isNamed(one, 'proxypass', 'alias') || isProxyHandler(one))
        .map((one) => {
          const keepsPath = [...all, ...inside(location)].findLast((other) =>
            isNamed(other, 'aliaspreservepath'),
          );
          const isKept = /^on$/i.test(keepsPath?.args[0] ?? '');
          return inLocation(location.args[0] ?? '/', one, balancers, tree.serverRoot, isKept);
        }),
    );
    this.#proxy = named('proxypass', 'proxypassmatch').flatMap((one) => {
      const [path, target] = isNamed(one, 'proxypass')
        ? [one.args[0] ?? '/', one.args[1] ?? '']
        : plainMatch(one);
      return path === undefined ? [] : [proxyRule(one, path, target, balancers)];
    });
    this.#closed = named('redirect').flatMap(closingRule);
    this.#aliases = named('alias', 'scriptalias').map((one) =>
      aliasRule(one, one.args[0] ?? '/', one.args[1] ?? '', tree.serverRoot),
    );
    this.#wsgi = named('wsgiscriptalias').map((one) => wsgiRule(one, all));
    const root = named('documentroot')[0];
    this.undocumented = root === undefined ? undefined : reasonAgainstDocuments(all, tree);
    this.#documents =
      root === undefined || this.undocumented !== undefined
        ? undefined
        : {
            prefix: '/',
            declared: root,
            handler: {
              kind: 'files',
              prefix: '/',
              root: asDirectory(root.args[0] ?? '', tree.serverRoot),
              declared: root,
              differs: '',
            },
          };
  }

  /** Every rule. */
  get rules(): readonly Rule[] {
    const documents = this.#documents === undefined ? [] : [this.#documents];
    return [
      ...this.#ofLocations,
      ...this.#proxy,
      ...this.#closed,
      ...this.#aliases,
      ...this.#wsgi,
      ...documents,
    ];
  }

  /** What answers below a prefix, where no longer one counts. */
  of(prefix: string): Handler | undefined {
    const fits = (rule: Rule): boolean => prefix.startsWith(rule.prefix);
    const inLocations = this.#ofLocations.filter(fits);
    const proxied =
      inLocations.findLast(({ declared }) => !isNamed(declared, 'alias')) ?? this.#proxy.find(fits);
    if (proxied?.handler !== undefined) return proxied.handler;
    return (
      inLocations.findLast(({ declared }) => isNamed(declared, 'alias')) ??
      this.#closed.find(fits) ??
      this.#aliases.find(fits) ??
      this.#wsgi.find(fits) ??
      this.#documents
    )?.handler;
  }

  get serverRoot(): string {
    return this.#tree.serverRoot;
  }
}

// ---- mod_proxy

function proxyRule(declared: Directive, path: string, target: string, balancers: Balancers): Rule {
  const prefix = asPrefix(path);
  if (target === '!') return { prefix, declared, handler: undefined };
  const read = readTarget(path, target, balancers);
  if (typeof read === 'string')
    return { prefix, declared, handler: { kind: 'closed', prefix, declared, words: read } };
  return { prefix, declared, handler: { kind: 'app', prefix, path, target: read, declared } };
}

const isProxyHandler = (one: Directive): boolean =>
  isNamed(one, 'sethandler') && /^proxy:/i.test(one.args[0] ?? '');

function inLocation(
  path: string,
  declared: Directive,
  balancers: Balancers,
  serverRoot: string,
  keepsPath: boolean,
): Rule {
  const [written = ''] = declared.args;
  if (isNamed(declared, 'alias')) {
    const rule = aliasRule(declared, path, written, serverRoot);
    if (keepsPath || rule.handler?.kind !== 'files') return rule;
    const differs =
      'without AliasPreservePath Apache has the directory itself for every path below it: here each path has its file';
    return { ...rule, handler: { ...rule.handler, differs } };
  }
  // The handler gets the whole path, whatever path stands behind its address.
  if (isNamed(declared, 'sethandler')) {
    const address = written.replace(/^proxy:/i, '').replace(/^((?:unix:[^|]*\|)?[a-z]+:\/\/[^/]*).*$/i, '$1');
    return proxyRule(declared, path, `${address}${path}`, balancers);
  }
  return proxyRule(declared, path, written, balancers);
}

/** `ProxyPassMatch ^/media/ !` and `^/(.*)$ http://…/$1` as ProxyPass says them; no path where it cannot. */
function plainMatch({
  args: [pattern = '', target = ''],
}: Directive): [path: string | undefined, target: string] {
  const [, path] = /^\^((?:\/[\w-]+)*\/)(?:\(?\.\*\)?\$?)?$/.exec(pattern) ?? [];
  if (path === undefined || target === '!') return [path, target];
  return pattern.includes('(.*)') && target.endsWith('/$1')
    ? [path, target.slice(0, -2)]
    : [undefined, target];
}

// ---- mod_alias

function aliasRule(declared: Directive, path: string, directory: string, serverRoot: string): Rule {
  const prefix = asPrefix(path);
  if (isNamed(declared, 'scriptalias')) {
    const words = 'no programs are run (CGI), so the path is closed';
    return { prefix, declared, handler: { kind: 'closed', prefix, declared, words } };
  }
  const root = asDirectory(directory, serverRoot);
  if (isOneFile(path, root)) {
    const words = `locations are directories: ${path} is answered by what is around it, such as the app; put the file where the app or a directory of files answers`;
    return { prefix, declared, handler: { kind: 'left out', prefix, declared, words } };
  }
  const differs =
    path.endsWith('/') && !directory.endsWith('/') && path !== '/'
      ? `Apache would look for ${root}x in place of ${root}/x: here the slash is as it is meant`
      : '';
  return { prefix, declared, handler: { kind: 'files', prefix, root, declared, differs } };
}

/** True where the alias is for one file: it is one, or both names end alike and nothing is there. */
function isOneFile(path: string, target: string): boolean {
  const status = statSync(target, { throwIfNoEntry: false });
  if (status !== undefined) return !status.isDirectory();
  return !path.endsWith('/') && extname(path) !== '' && extname(path) === extname(target);
}

/** `Redirect gone /old`, `Redirect 403 /private`: nobody gets anything there. */
function closingRule(declared: Directive): Rule[] {
  const [status = '', path = '/'] = declared.args;
  if (!/^(?:gone|[45]\d\d)$/i.test(status) || declared.args.length !== 2) return [];
  const prefix = asPrefix(path);
  return [{ prefix, declared, handler: { kind: 'closed', prefix, declared, words: '' } }];
}

// ---- mod_wsgi

function wsgiRule(declared: Directive, all: readonly Directive[]): Rule {
  const [path = '/', script = ''] = declared.args;
  const prefix = asPrefix(path);
  return {
    prefix,
    declared,
    handler: { kind: 'closed', prefix, declared, words: gunicornFor(path, script, all) },
  };
}

/** The command, and the line to write in place of WSGIScriptAlias. */
function gunicornFor(path: string, script: string, all: readonly Directive[]): string {
  const module = `${basename(dirname(script))}.${basename(script, extname(script))}`;
  const given = all
    .filter((one) => isNamed(one, 'wsgidaemonprocess', 'wsgipythonpath'))
    .flatMap(({ args }) => args)
    .map((word) => /^(?:(?:python-path|home)=)?(\/[^:]*)/.exec(word)?.[1])
    .find((directory) => directory !== undefined && !directory.includes('site-packages'));
  const directory = given ?? dirname(dirname(script));
  const below = path === '/' ? '' : path;
  const named = below === '' ? '' : `, with FORCE_SCRIPT_NAME = "${below}" in Django's settings`;
  return `start the app with "gunicorn --chdir ${directory} ${module} --bind 127.0.0.1:8000"${named}, and write "ProxyPass ${below}/ http://127.0.0.1:8000${below}/" in place of this line (or give --upstream :8000)`;
}

// ---- DocumentRoot

/** Handlers that send a file as it is. */
const PLAIN_HANDLERS =
  /^(?:none|default-handler|type-map|send-as-is|imap-file|server-(?:status|info|parsed)|balancer-manager)$/i;

/** What keeps the DocumentRoot from being what visitors see of it: behind such lines may be sources, which nobody sees with Apache. */
function reasonAgainstDocuments(all: readonly Directive[], tree: ApacheTree): string | undefined {
  const inner = all.flatMap((one) => deep(one, tree));
  const isRewriting = inner.some((one) => isNamed(one, 'rewriteengine') && /^on$/i.test(one.args[0] ?? ''));
  const found = inner.find((one, index) => {
    if (isNamed(one, 'proxypassmatch')) return plainMatch(one)[0] === undefined;
    if (isNamed(one, 'aliasmatch', 'scriptaliasmatch', 'wsgiscriptaliasmatch', 'action')) return true;
    if (isNamed(one, 'sethandler', 'addhandler'))
      return !PLAIN_HANDLERS.test(one.args[0] ?? '') && !isProxyOfSection(one, all, tree);
    if (isNamed(one, 'addtype')) return /x-httpd-/i.test(one.args[0] ?? '');
    if (!isNamed(one, 'rewriterule') || !isRewriting) return false;
    const [, target = '', flags = ''] = one.args;
    return (
      !isRedirectOfAll(one, conditionsBefore(inner, index)) && !(target === '-' && !/[[,]F/i.test(flags))
    );
  });
  if (found === undefined) return undefined;
  return `${showPlace(found.place)} (${found.name}) decides what visitors see of it, and that has no counterpart: its files are not served, so that no source is`;
}

/** A `<Location>` that hands all of its path to an app. */
function isProxyOfSection(one: Directive, all: readonly Directive[], tree: ApacheTree): boolean {
  return (
    isProxyHandler(one) &&
    all.some((section) => isNamed(section, 'location') && live(section.block ?? [], tree).includes(one))
  );
}

/** A directive, and what counts of what stands in it. */
function deep(directive: Directive, tree: ApacheTree): Directive[] {
  return [directive, ...live(directive.block ?? [], tree).flatMap((inner) => deep(inner, tree))];
}
