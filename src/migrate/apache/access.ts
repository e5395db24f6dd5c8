// Who may come in, by Apache's two systems: mod_authz_core (Require) and what is left of 2.2 (Order, Allow, Deny). Both must
// let a request in, unless `Satisfy Any` is said.
import type { Directive } from '../directive.js';
import type { ApacheTree } from './reader.js';
import { isNamed, live } from './sections.js';

/** Whom something lets in. */
export type Access = 'all' | 'some' | 'none';

/** What was decided, and by which lines. */
export interface Decision {
  readonly access: Access;
  readonly by: readonly Directive[];
}

/** What one section says, where it says something. */
interface Said {
  readonly access: Access;
  readonly by: readonly Directive[];
}

const either = (all: readonly Access[]): Access =>
  all.includes('all') ? 'all' : all.includes('some') ? 'some' : 'none';
const both = (all: readonly Access[]): Access =>
  all.includes('none') ? 'none' : all.includes('some') ? 'some' : 'all';

/**
 * @param scopes the live directives of each section that holds, in the order in which Apache merges them
 * @param kind files take no other methods than GET and HEAD
 */
export function decideAccess(
  scopes: readonly (readonly Directive[])[],
  kind: 'files' | 'app',
  tree: Pick<ApacheTree, 'skipped'>,
): Decision {
  let authz: Said | undefined;
  let compat: OldSaid | undefined;
  let verify: Directive | undefined;
  const more: Directive[] = [];
  for (const scope of scopes) {
    const required = requirement(scope, kind, tree, authz);
    authz = required ?? authz;
    // A section that says something of it says all of it: what an outer one said is gone, its Satisfy, too.
    compat = oldAccess(scope) ?? compat;
    verify = scope.findLast((directive) => isNamed(directive, 'sslverifyclient')) ?? verify;
    more.push(...scope.filter((directive) => limitsSome(directive, kind, tree)));
  }
  const isEither = compat?.isEither === true;
  const systems: readonly Said[] = [authz, compat].flatMap((said) => said ?? []);
  const open = isEither
    ? either(systems.map(({ access }) => access))
    : both(systems.map(({ access }) => access));
  const access = systems.length === 0 ? 'all' : open;
  if (/^(?:require|optional_no_ca)$/i.test(verify?.args[0] ?? '') && verify !== undefined) more.push(verify);
  return {
    access: more.length > 0 ? both([access, 'some']) : access,
    by: [...systems.flatMap(({ by }) => by), ...more],
  };
}

// ---- mod_authz_core

const CONTAINERS = ['requireall', 'requireany', 'requirenone'] as const;

function requirement(
  scope: readonly Directive[],
  kind: 'files' | 'app',
  tree: Pick<ApacheTree, 'skipped'>,
  before: Said | undefined,
): Said | undefined {
  const by = scope.filter((directive) => isNamed(directive, 'require', ...CONTAINERS));
  if (by.length === 0) return undefined;
  const own = either(by.map((directive) => accessIn(directive, kind, tree)));
  const merging = scope.findLast((directive) => isNamed(directive, 'authmerging'))?.args[0]?.toLowerCase();
  if (before === undefined || (merging !== 'and' && merging !== 'or')) return { access: own, by };
  const joined = [before.access, own];
  return { access: merging === 'and' ? both(joined) : either(joined), by: [...before.by, ...by] };
}

function accessIn(directive: Directive, kind: 'files' | 'app', tree: Pick<ApacheTree, 'skipped'>): Access {
  if (isNamed(directive, 'require')) return requireOf(directive, kind);
  const inner = live(directive.block ?? [], tree)
    .filter((one) => isNamed(one, 'require', ...CONTAINERS))
    .map((one) => accessIn(one, kind, tree));
  if (isNamed(directive, 'requireall')) return both(inner);
  if (isNamed(directive, 'requireany')) return either(inner);
  // It lets nobody in by itself, and must not hold for a request that another line lets in.
  return inner.includes('all') ? 'none' : inner.includes('some') ? 'some' : 'all';
}

function requireOf({ args }: Directive, kind: 'files' | 'app'): Access {
  const [what, ...rest] = args.map((arg) => arg.toLowerCase());
  if (what === 'all') return rest[0] === 'granted' ? 'all' : 'none';
  if (what === 'not' && rest[0] === 'all') return rest[1] === 'denied' ? 'all' : 'none';
  if (what === 'method' && kind === 'files' && rest.includes('get')) return 'all';
  return 'some';
}

// ---- mod_access_compat

interface OldSaid extends Said {
  /** `Satisfy Any`: it is enough to be let in by one of the two systems. */
  readonly isEither: boolean;
}

function oldAccess(scope: readonly Directive[]): OldSaid | undefined {
  const by = scope.filter((directive) => isNamed(directive, 'order', 'allow', 'deny', 'satisfy'));
  if (by.length === 0) return undefined;
  const satisfy = by.findLast((directive) => isNamed(directive, 'satisfy'))?.args[0];
  const isEither = satisfy?.toLowerCase() === 'any';
  const order =
    by
      .findLast((directive) => isNamed(directive, 'order'))
      ?.args.join('')
      .toLowerCase() ?? 'deny,allow';
  const listed = (name: string): Access => {
    const from = by.filter((directive) => isNamed(directive, name)).flatMap(({ args }) => args.slice(1));
    if (from.length === 0) return 'none';
    return from.some((word) => word.toLowerCase() === 'all') ? 'all' : 'some';
  };
  const allowed = listed('allow');
  const denied = listed('deny');
  const unless: Access = denied === 'all' ? 'none' : denied === 'some' ? 'some' : 'all';
  if (order === 'deny,allow') return { access: either([allowed, unless]), by, isEither };
  return { access: both([allowed, unless]), by, isEither };
}

// ---- what lets in some, by method or by an expression

function limitsSome(directive: Directive, kind: 'files' | 'app', tree: Pick<ApacheTree, 'skipped'>): boolean {
  if (asksOthers(directive)) return true;
  if (isNamed(directive, 'if', 'elseif', 'else')) return closes(directive, kind, tree);
  if (!isNamed(directive, 'limit', 'limitexcept')) return false;
  const listed = directive.args.map((arg) => arg.toUpperCase());
  const usual = kind === 'files' ? ['GET'] : ['GET', 'POST'];
  const isReached = usual.some((method) => listed.includes(method) === isNamed(directive, 'limit'));
  return isReached && closes(directive, kind, tree);
}

/** What lets in by a certificate, a login elsewhere, or a program's word, without a Require beside it. */
function asksOthers(directive: Directive): boolean {
  const words = directive.args.join(' ').toLowerCase();
  if (isNamed(directive, 'mellonenable')) return words === 'auth';
  if (isNamed(directive, 'shibrequiresession')) return words === 'on';
  if (isNamed(directive, 'shibrequestsetting')) return /^requiresession (?:1|true|on)$/.test(words);
  return isNamed(
    directive,
    'sslrequire',
    'wsgiaccessscript',
    'luahookaccesschecker',
    'luahookauthchecker',
    'luahookcheckuserid',
  );
}

/** Whether a section keeps somebody out by itself. */
export function closes(
  section: Directive,
  kind: 'files' | 'app',
  tree: Pick<ApacheTree, 'skipped'>,
): boolean {
  return decideAccess([live(section.block ?? [], tree)], kind, tree).access !== 'all';
}
