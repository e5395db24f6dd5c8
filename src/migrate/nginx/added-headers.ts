// `add_header`: fields of our own for files; for the app's answers what to set in Django instead.
import { checkAddedFields } from '../../config/values.js';
import { alwaysSo, changed, kept, notSupported, type Outcome, type Translate } from '../rows.js';
import { addCacheControl } from './caching.js';
import { hasVariable } from './values.js';

/** What says the same in Django, by the field's name in small letters. */
const IN_DJANGO: Readonly<Record<string, string>> = {
  'strict-transport-security': 'SECURE_HSTS_SECONDS',
  'x-frame-options': 'XFrameOptionsMiddleware and X_FRAME_OPTIONS',
  'x-content-type-options': 'SecurityMiddleware (SECURE_CONTENT_TYPE_NOSNIFF)',
  'referrer-policy': 'SECURE_REFERRER_POLICY',
  'cross-origin-opener-policy': 'SECURE_CROSS_ORIGIN_OPENER_POLICY',
  'content-security-policy': 'SECURE_CSP, or the package django-csp',
  'permissions-policy': 'the package django-permissions-policy',
  'access-control-allow-origin': 'the package django-cors-headers',
};

/** `add_header` for files. */
export const addHeader: Translate = ({ args }, { kind, holding }) => {
  const [name = '', value = '', always] = args;
  const lower = name.toLowerCase();
  if (lower === 'access-control-allow-origin') return allowOrigin(value);
  if (lower.startsWith('access-control-')) return otherCors(lower);
  if (hasVariable(value)) return notSupported('fields with variables have no counterpart');
  if (lower === 'cache-control') return addCacheControl(value, holding);
  if (lower === 'x-content-type-options' && value.toLowerCase() === 'nosniff') return alwaysSo();
  if (lower === 'content-security-policy' && kind !== 'static') {
    return changed(
      'files that a browser may run keep the stricter policy of uploads; headers can replace it',
    );
  }
  if (lower === 'content-type') {
    // nginx sends the field a second time; browsers take either.
    return notSupported(
      'a second Content-Type is not sent; write types, or headers for one type of all files',
    );
  }
  try {
    checkAddedFields({ [name]: value });
  } catch (error) {
    return notSupported((error as Error).message);
  }
  const set = { headers: { [name]: value } };
  return always === 'always'
    ? changed('as headers: on files alone, not on errors', set)
    : kept('headers', set);
};

function allowOrigin(value: string): Outcome {
  if (value === '*') return kept('cors: "*"', { cors: '*' });
  if (/^https?:\/\/[^/\s]+$/.test(value) && !hasVariable(value)) {
    return kept(`cors: ["${value}"]`, { cors: [value] });
  }
  return notSupported('write cors with a list of origins');
}

/** With `cors` these are said where they belong. */
function otherCors(name: string): Outcome {
  if (name === 'access-control-allow-credentials') {
    return notSupported('files are shared without credentials only');
  }
  return alwaysSo('where cors is set');
}

/** `add_header` for the app. */
export const addHeaderToApp: Translate = ({ args }) => {
  const name = (args[0] ?? '').toLowerCase();
  const setting = Object.hasOwn(IN_DJANGO, name) ? IN_DJANGO[name] : undefined;
  return notSupported(
    `nothing is added to the app's answers${setting === undefined ? '' : `; in Django: ${setting}`}`,
  );
};
