// `expires` and `add_header Cache-Control`: nginx sends what both say, as two fields; here they are one.
import type { Directive } from '../directive.js';
import { changed, kept, notSupported, type Outcome, type Translate } from '../rows.js';
import { lastOf } from './row.js';
import { hasVariable, millisecondsOf, showMilliseconds } from './values.js';

/** nginx's `expires max`. */
const MAX = 'max-age=315360000';

/** The one rule of `cacheControl` that stands for all files. */
const always = (value: string): Readonly<Record<string, unknown>> => ({
  cacheControl: [{ match: '', value }],
});

/** What `expires` makes of Cache-Control; undefined where it sends none, or cannot be told. */
function lifetimeOf({ args }: Directive): { value: string; milliseconds?: number } | undefined {
  const [first, second] = args;
  if (second !== undefined || first === undefined || hasVariable(first) || first.startsWith('@'))
    return undefined;
  if (first === 'off') return { value: '' };
  if (first === 'max') return { value: MAX };
  if (first === 'epoch' || first.startsWith('-')) return { value: 'no-cache' };
  const milliseconds = millisecondsOf(first.replace(/^\+/, ''));
  return milliseconds === undefined
    ? undefined
    : { value: `max-age=${Math.floor(milliseconds / 1000)}`, milliseconds };
}

const addedCacheControl = (holding: readonly Directive[]): Directive | undefined =>
  holding.findLast(({ name, args }) => name === 'add_header' && /^cache-control$/i.test(args[0] ?? ''));

/** `expires` for files. */
export const expires: Translate = (directive, { holding }) => {
  const lifetime = lifetimeOf(directive);
  if (lifetime === undefined) {
    return notSupported(
      'only a time, max, epoch and off have a counterpart; write maxAge or cacheControl by hand',
    );
  }
  if (addedCacheControl(holding) !== undefined) return kept('cacheControl, with the add_header beside it');
  const { value, milliseconds } = lifetime;
  if (milliseconds !== undefined && value !== MAX) {
    const maxAge = showMilliseconds(milliseconds);
    return kept(`maxAge: ${maxAge}`, { maxAge });
  }
  if (value === '') return kept('cacheControl: none is sent', always(''));
  return kept(`cacheControl: ${value}`, always(value));
};

/** `add_header Cache-Control …` for files. */
export function addCacheControl(value: string, holding: readonly Directive[]): Outcome {
  const found = lastOf(holding, 'expires');
  const lifetime = found === undefined ? { value: '' } : lifetimeOf(found);
  if (lifetime === undefined) return notSupported('the expires beside it has no counterpart');
  const together = [lifetime.value, value].filter((one) => one !== '').join(', ');
  return kept(`cacheControl: ${together}`, always(together));
}

/** For the app: nothing is added to its answers. */
export const expiresOfApp: Translate = ({ args }) =>
  args[0] === 'off'
    ? changed('the app says itself how long its answers may be kept')
    : notSupported("nothing is added to the app's answers; there, django.views.decorators.cache says it");
