// Who may have what is in a location. What this server cannot ask for is closed to everybody, and never open.
import { linkExpression } from '../../config/secure-link.js';
import type { Directive } from '../directive.js';
import type { Report } from '../report.js';
import { lastOf } from './row.js';
import { isOtherLogin } from './written-location.js';

/** Whether a location answers, and what is asked before it does. */
export type Access =
  | { readonly isClosed: true }
  | { readonly isClosed: false; readonly set: Readonly<Record<string, unknown>> };

const CLOSED: Access = { isClosed: true };
const OPEN: Access = { isClosed: false, set: {} };
const NOBODY = 'closed to everybody here, rather than open to all';

/** What a location is asked about besides its directives. */
export interface AccessSource {
  readonly isApp: boolean;
  /** The path of the app that an `auth_request` leads to; undefined where no app of this site answers it as it stands. */
  readonly resolve: (uri: string) => string | undefined;
}

/** Reads what decides on access among the directives that hold, and says what became of each. */
export function accessOf(
  holding: readonly Directive[],
  { isApp, resolve }: AccessSource,
  report: Report,
): Access {
  const all = [
    byAddress(holding, report),
    byPassword(holding, report),
    byOtherLogin(holding, report),
    ...(isApp ? [byMethod(holding, report)] : [ofFilesAnyway(holding, report)]),
    byQuestion(holding, isApp, resolve, report),
    byLink(holding, isApp, report),
  ];
  const satisfy = lastOf(holding, 'satisfy');
  if (satisfy !== undefined) {
    report.say(
      satisfy,
      satisfy.args[0] === 'any' ? 'changed' : 'always so',
      satisfy.args[0] === 'any' ? 'all conditions must hold here' : '',
    );
  }
  if (all.some(({ isClosed }) => isClosed)) return CLOSED;
  return {
    isClosed: false,
    set: Object.assign({}, ...all.map((access) => (access.isClosed ? {} : access.set))) as Record<
      string,
      unknown
    >,
  };
}

function byAddress(holding: readonly Directive[], report: Report): Access {
  const rules = holding.filter(({ name }) => name === 'allow' || name === 'deny');
  const [first] = rules;
  if (first === undefined) return OPEN;
  const sayAll = (verdict: 'kept' | 'not supported' | 'always so', words: string): void => {
    for (const rule of rules) report.say(rule, verdict, words);
  };
  // The first rule that fits counts.
  if (first.args[0] === 'all') {
    if (first.name === 'deny') {
      sayAll('kept', 'as the kind denied: 403 for everybody');
      return CLOSED;
    }
    sayAll('always so', 'everybody may');
    return OPEN;
  }
  const last = rules.find(({ name, args }) => args[0] === 'all' || (name === 'deny' && isEveryAddress(args)));
  if (last?.name === 'deny') {
    sayAll('not supported', `addresses let nobody in: ${NOBODY}`);
    return CLOSED;
  }
  for (const rule of rules) {
    if (rule.name === 'deny')
      report.say(rule, 'not supported', 'no address is refused here: IT IS OPEN to all');
    else report.say(rule, 'always so', 'everybody may');
  }
  return OPEN;
}

function isEveryAddress([network = '']: readonly string[]): boolean {
  return network === '0.0.0.0/0' || network === '::/0';
}

/** What other modules ask for. */
function byOtherLogin(holding: readonly Directive[], report: Report): Access {
  const others = holding.filter(({ name, args }) => isOtherLogin(name, args[0] ?? ''));
  for (const one of others) {
    report.say(one, 'not supported', `who may is not found out in this way: ${NOBODY}`);
    report.sayWithin(one, 'not supported', 'as the block around it');
  }
  return others.length > 0 ? CLOSED : OPEN;
}

function byPassword(holding: readonly Directive[], report: Report): Access {
  const realm = lastOf(holding, 'auth_basic');
  const file = lastOf(holding, 'auth_basic_user_file');
  if (realm === undefined || realm.args[0] === 'off') {
    for (const one of [realm, file])
      if (one !== undefined) report.say(one, 'always so', 'no password is asked for');
    return OPEN;
  }
  for (const one of [realm, file]) {
    if (one !== undefined) report.say(one, 'not supported', `no password is asked for: ${NOBODY}`);
  }
  return CLOSED;
}

function byMethod(holding: readonly Directive[], report: Report): Access {
  const limit = lastOf(holding, 'limit_except');
  if (limit === undefined) return OPEN;
  report.say(limit, 'not supported', `methods are not told apart: ${NOBODY}`);
  report.sayWithin(limit, 'not supported', 'as the block around it');
  return CLOSED;
}

/** Files are for GET and HEAD alone. */
function ofFilesAnyway(holding: readonly Directive[], report: Report): Access {
  const limit = lastOf(holding, 'limit_except');
  if (limit === undefined) return OPEN;
  if (!limit.args.some((method) => method.toUpperCase() === 'GET')) {
    report.say(limit, 'not supported', `it is about GET, too, and methods are not told apart: ${NOBODY}`);
    report.sayWithin(limit, 'not supported', 'as the block around it');
    return CLOSED;
  }
  report.say(limit, 'always so', 'files are for GET and HEAD alone');
  report.sayWithin(limit, 'always so', 'files are for GET and HEAD alone');
  return OPEN;
}

function byQuestion(
  holding: readonly Directive[],
  isApp: boolean,
  resolve: AccessSource['resolve'],
  report: Report,
): Access {
  const question = lastOf(holding, 'auth_request');
  if (question === undefined) return OPEN;
  const [uri = ''] = question.args;
  if (uri === 'off') {
    report.say(question, 'always so', '');
    return OPEN;
  }
  const target = isApp ? undefined : resolve(uri);
  if (target === undefined) {
    const why = isApp ? 'only files can be asked about' : `no app of this site answers ${uri}`;
    report.say(question, 'not supported', `${why}: ${NOBODY}`);
    return CLOSED;
  }
  report.say(question, 'kept', `as authRequest: ${target}`);
  return { isClosed: false, set: { authRequest: target } };
}

/** The one form that is kept: `secure_link $arg_md5,$arg_expires;` with `secure_link_md5`. */
function byLink(holding: readonly Directive[], isApp: boolean, report: Report): Access {
  const link = lastOf(holding, 'secure_link');
  const md5 = lastOf(holding, 'secure_link_md5');
  if (link === undefined) return OPEN;
  const expression = md5?.args[0] ?? '';
  const [, inVariables = ''] = /^(\$arg_md5,\s*\$arg_expires)$/.exec(link.args.join(' ')) ?? [];
  if (isApp || inVariables === '' || !isReadable(expression)) {
    for (const one of [link, md5]) {
      if (one !== undefined)
        report.say(one, 'not supported', `only $arg_md5,$arg_expires on files is known here: ${NOBODY}`);
    }
    return CLOSED;
  }
  report.say(link, 'kept', 'as secureLink: md5');
  if (md5 !== undefined) {
    report.say(
      md5,
      'kept',
      'as secureLinkMd5; secureLinkSecret keeps the secret out of the file: put $secret in its place',
    );
  }
  return { isClosed: false, set: { secureLink: 'md5', secureLinkMd5: expression } };
}

function isReadable(expression: string): boolean {
  try {
    // Without one of them a link would be good for any file, or for ever.
    return (
      linkExpression.parse(expression).length > 0 &&
      /\$\{?uri/.test(expression) &&
      /\$\{?secure_link_expires/.test(expression)
    );
  } catch {
    return false;
  }
}

/** The blocks that come with signed links: `if ($secure_link = "") { return 403; }`. */
export function isOfSecureLink({ name, args }: Directive): boolean {
  return name === 'if' && /^\(?\$secure_link$/.test(args[0] ?? '');
}
