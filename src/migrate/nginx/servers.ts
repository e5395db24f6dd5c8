// Which of the `server` blocks is the site. There is one here; what the others were for is said of each.
import { type Directive, eachDirective } from '../directive.js';
import type { Report, Verdict } from '../report.js';
import { sayOfNobody } from './written-location.js';

/** Directives that answer with something of the site. */
const ANSWERS: ReadonlySet<string> = new Set([
  'alias',
  'proxy_pass',
  'uwsgi_pass',
  'fastcgi_pass',
  'scgi_pass',
  'grpc_pass',
  'try_files',
]);

const LEADS_TO_APP = /^(?:proxy|uwsgi|fastcgi|scgi|grpc)_pass$/;
const LEADS_TO_FILES = /^alias$/;

/**
 * The block that is served; undefined where there is none.
 * @param servers all of them
 */
export function chooseServer(servers: readonly Directive[], report: Report): Directive | undefined {
  const all = servers.filter((server) => isSite(server));
  // A page that came with the package, or a site of files alone, stands beside the app.
  const sites =
    [LEADS_TO_APP, LEADS_TO_FILES]
      .map((test) =>
        all.filter(({ block = [] }) => [...eachDirective(block)].some(({ name }) => test.test(name))),
      )
      .find((found) => found.length > 0) ?? all;
  const site =
    sites.find(isSecure) ??
    sites.find((server) => listens(server).some((args) => args.includes('default_server'))) ??
    sites[0];
  for (const server of servers) {
    if (server !== site) sayOfOther(server, site, report);
  }
  return site;
}

/** The arguments of each `listen`. */
export function listens(server: Directive): (readonly string[])[] {
  return (server.block ?? []).filter(({ name }) => name === 'listen').map(({ args }) => args);
}

/** True where the site is reached by TLS. */
export function isSecure(server: Directive): boolean {
  return (
    listens(server).some((args) => args.includes('ssl') || args.includes('quic')) ||
    (server.block ?? []).some(({ name, args }) => name === 'ssl' && args[0] === 'on')
  );
}

/** Whether it has anything but a redirect, and files that prove a name to a certificate's issuer. */
function isSite(server: Directive): boolean {
  const { block = [] } = server;
  if (block.some(({ name }) => name === 'return')) return false;
  const own = block.filter(
    ({ name, args }) => name !== 'location' || !/acme-challenge/.test(args.at(-1) ?? ''),
  );
  for (const { name } of eachDirective(own)) if (ANSWERS.has(name)) return true;
  return own.some(
    ({ name, block: inner = [] }) =>
      (name === 'location' &&
        (inner.some((one) => one.name === 'root') ||
          !inner.some((one) => one.name === 'return' || one.name === 'rewrite'))) ||
      (name === 'root' && !own.some((one) => one.name === 'rewrite')),
  );
}

function sayOfOther(server: Directive, site: Directive | undefined, report: Report): void {
  const [verdict, words] = judgeOther(server, site);
  report.say(server, verdict, words);
  sayOfNobody(server, report);
  report.sayWithin(server, verdict, 'as the server around it');
}

function judgeOther(server: Directive, site: Directive | undefined): readonly [Verdict, string] {
  const inner: Directive[] = [...eachDirective(server.block ?? [])];
  const redirects = inner.filter(({ name }) => name === 'return' || name === 'rewrite');
  const [first] = redirects;
  if (site === undefined) return ['not supported', 'it serves neither files nor an app'];
  if (isSite(server) || first === undefined) {
    return [
      'not supported',
      'one site is served, and this is another; start media-serve once more for it, with a file of its own',
    ];
  }
  const isForTls = !isSecure(server) && inner.some(({ args }) => args.some((arg) => /^https:\/\//.test(arg)));
  if (isForTls) return ['not needed', 'http is sent to https where TLS ends'];
  if (/^4/.test(first.args[0] ?? '')) {
    return [
      'changed',
      "requests for other names come to the site; Django's ALLOWED_HOSTS refuses them with 400",
    ];
  }
  return [
    'changed',
    `its names are answered as the site itself, without the redirect to ${first.args.at(-1)}`,
  ];
}
