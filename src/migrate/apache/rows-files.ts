// What becomes of Apache's directives that say something of files: mod_mime, mod_expires, mod_headers, mod_dir, core.
import { extensions } from 'mime-types';
import { quote } from '../../config/errors.js';
import { checkAddedFields, checkMediaType } from '../../config/values.js';
import type { Directive } from '../directive.js';
import {
  alwaysSo,
  changed,
  type Here,
  kept,
  notNeeded,
  notSupported,
  type Outcome,
  type Row,
} from '../rows.js';
import { cacheRuleOf } from './by-extension.js';
import { type HeaderLine, headerLine, plainValue } from './header-line.js';
import { lastOf, linesOf } from './holding.js';
import { asDuration, asPattern, isOn, parseExpiry } from './values.js';

const OVERRIDDEN = notNeeded('a later line says something else for the same files');

/** What comes of an option that can be refused, such as a field that cannot be set. */
function checked(check: () => void, outcome: Outcome): Outcome {
  try {
    check();
    return outcome;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return notSupported(error.message);
  }
}

// ---- Options

/** The options that hold after all these lines; FollowSymLinks alone where nothing is said, as in Apache 2.4. */
function optionsOf(lines: readonly Directive[]): ReadonlySet<string> {
  let options = new Set(['followsymlinks']);
  for (const { args } of lines) {
    const words = args.map((arg) => arg.toLowerCase());
    if (words.every((word) => !/^[+-]/.test(word))) options = new Set();
    for (const word of words) {
      const name = word.replace(/^[+-]/, '');
      if (name === 'none') options.clear();
      else if (word.startsWith('-')) options.delete(name);
      else options.add(name);
    }
  }
  if (options.has('all')) for (const name of ['indexes', 'followsymlinks']) options.add(name);
  return options;
}

/** What of them has no counterpart. */
const MISSING_OPTIONS: Readonly<Record<string, string>> = {
  indexes: 'there are no listings of directories: a directory answers 404',
  multiviews: 'a name without its ending finds no file here; link to the whole name',
  includes: 'no file is looked through for server-side includes',
  includesnoexec: 'no file is looked through for server-side includes',
  execcgi:
    'nothing is run as a program: scripts are sent as they are, source and all; move them out of the directory',
};

function options(directive: Directive, here: Here): Outcome {
  const lines = linesOf('options', here);
  if (lines.at(-1) !== directive) return OVERRIDDEN;
  const holding = optionsOf(lines);
  const links: Outcome =
    holding.has('followsymlinks') || holding.has('symlinksifownermatch')
      ? alwaysSo(
          'links are followed while they stay in the directory; `symlinks: "follow"` for those that lead out',
        )
      : kept('symlinks: never', { symlinks: 'never' });
  const missing = Object.entries(MISSING_OPTIONS).filter(([name]) => holding.has(name));
  if (missing.length === 0) return links;
  return {
    ...notSupported(missing.map(([, words]) => words).join('; ')),
    ...(links.set && { set: links.set }),
  };
}

// ---- mod_expires

function isActive(here: Here): boolean {
  return isOn(lastOf('expiresactive', here)?.args[0]);
}

function expiresDefault(directive: Directive, here: Here): Outcome {
  if (!isActive(here)) return notNeeded('ExpiresActive is not on, so Apache does not look at it either');
  if (lastOf('expiresdefault', here) !== directive) return OVERRIDDEN;
  const expiry = parseExpiry(directive.args.join(' '));
  if (expiry === undefined)
    return notSupported(`${quote(directive.args.join(' '))} is no time of mod_expires`);
  const value = asDuration(expiry.seconds);
  const words = `maxAge: ${value}`;
  return expiry.isFromChange
    ? changed(`as ${words}, counted from the request, not from the file's last change`, { maxAge: value })
    : kept(words, { maxAge: value });
}

/** Extensions that mod_mime's own lines give a type. */
function ownExtensions(type: string, here: Here): string[] {
  return linesOf('addtype', here)
    .filter(({ args }) => args[0]?.toLowerCase() === type)
    .flatMap(({ args }) => args.slice(1).map(withoutDot));
}

/** Built-in extensions by the name of their type today. */
let builtIn: ReadonlyMap<string, readonly string[]> | undefined;

function builtInExtensions(): ReadonlyMap<string, readonly string[]> {
  if (builtIn !== undefined) return builtIn;
  const lists = new Map<string, string[]>();
  for (const [type, found] of Object.entries(extensions)) {
    const name = modernName(type);
    lists.set(name, [...(lists.get(name) ?? []), ...found]);
  }
  builtIn = lists;
  return lists;
}

/** Types that have had another name: what a file of years ago says still means today's. */
function modernName(type: string): string {
  return type
    .replace(/^(?:text|application)\/(?:x-)?(javascript|json|xml)$/, 'text/$1')
    .replace(/^application\/(?:x-)?font-/, 'font/')
    .replace(/^image\/vnd\.microsoft\.icon$/, 'image/x-icon');
}

function expiresByType(directive: Directive, here: Here): Outcome {
  if (!isActive(here)) return notNeeded('ExpiresActive is not on, so Apache does not look at it either');
  const [written = '', ...rest] = directive.args;
  const type = written.toLowerCase();
  const expiry = parseExpiry(rest.join(' '));
  if (expiry === undefined) return notSupported(`${quote(rest.join(' '))} is no time of mod_expires`);
  const lines = linesOf('expiresbytype', here);
  if (lines.findLast(({ args }) => args[0]?.toLowerCase() === type) !== directive) return OVERRIDDEN;
  const found = type.endsWith('/*')
    ? extensionsBelow(type.slice(0, -1), lines)
    : (builtInExtensions().get(modernName(type)) ?? []);
  const all = [...new Set([...found, ...ownExtensions(type, here)])].sort();
  if (all.length === 0) return notNeeded(`no extension has the type ${quote(type)}`);
  const names = [...new Set(all.flatMap((name) => [name, name.toUpperCase()]))];
  const value = `public, max-age=${expiry.seconds}`;
  const set = { cacheControl: [{ match: `\\.(?:${names.map(asPattern).join('|')})$`, value }] };
  return expiry.isFromChange
    ? changed('as cacheControl by extension, counted from the request, not from the last change', set)
    : kept('cacheControl by extension', set);
}

/** Of `image/*`: a type by its whole name counts before one by its first half. */
function extensionsBelow(beginning: string, lines: readonly Directive[]): string[] {
  const whole = new Set(lines.map(({ args }) => modernName(args[0]?.toLowerCase() ?? '')));
  return [...builtInExtensions()]
    .filter(([name]) => name.startsWith(beginning) && !whole.has(name))
    .flatMap(([, found]) => found);
}

// ---- mod_mime

const withoutDot = (extension: string): string => extension.replace(/^\./, '').toLowerCase();

function addType(directive: Directive): Outcome {
  const [type = '', ...written] = directive.args;
  if (/x-httpd-|server-parsed|cgi/i.test(type)) {
    return notSupported('nothing is run as a program: such files are sent as they are, source and all');
  }
  const found = written.map(withoutDot).filter((extension) => !/[./]/.test(extension) && extension !== '');
  return checked(
    () => checkMediaType(type),
    kept('types', { types: Object.fromEntries(found.map((one) => [one, type])) }),
  );
}

function addDefaultCharset(directive: Directive, here: Here): Outcome {
  if (lastOf('adddefaultcharset', here) !== directive) return OVERRIDDEN;
  const [value = ''] = directive.args;
  const word = value.toLowerCase();
  if (word === 'off') return kept('charset: off', { charset: 'off' });
  const charset = word === 'on' ? 'iso-8859-1' : value;
  if (!/^[\w.:+-]+$/.test(charset)) return notSupported(`${quote(charset)} is no charset`);
  return kept(`charset: ${charset}`, { charset });
}

// ---- mod_headers

/** What Django sends in place of a field that Apache added to the app's answers. */
const OF_DJANGO: Readonly<Record<string, string>> = {
  'strict-transport-security': 'SECURE_HSTS_SECONDS',
  'x-frame-options': 'X_FRAME_OPTIONS',
  'x-content-type-options': 'SECURE_CONTENT_TYPE_NOSNIFF',
  'referrer-policy': 'SECURE_REFERRER_POLICY',
  'cross-origin-opener-policy': 'SECURE_CROSS_ORIGIN_OPENER_POLICY',
  'content-security-policy': 'SECURE_CSP, or django-csp',
  'access-control-allow-origin': 'django-cors-headers',
};

function headerOfApp(directive: Directive): Outcome {
  const { lower, name } = headerLine(directive);
  const setting = OF_DJANGO[lower];
  if (setting !== undefined) {
    return notSupported(`the app's answers are passed on as they are: let Django send ${name} (${setting})`);
  }
  return notSupported(
    `the app's answers are passed on as they are, so what this does to ${name} is the app's to do`,
  );
}

const fields = new WeakMap<
  readonly Directive[],
  ReadonlyMap<string, readonly (readonly [Directive, HeaderLine])[]>
>();

/** What has been said of the same field before this line. */
function earlierLines(lower: string, directive: Directive, here: Here): HeaderLine[] {
  let byName = fields.get(here.holding);
  if (byName === undefined) {
    const lists = new Map<string, (readonly [Directive, HeaderLine])[]>();
    for (const each of linesOf('header', here)) {
      const line = headerLine(each);
      lists.set(line.lower, [...(lists.get(line.lower) ?? []), [each, line]]);
    }
    byName = lists;
    fields.set(here.holding, byName);
  }
  const all = byName.get(lower) ?? [];
  return all
    .slice(
      0,
      Math.max(
        0,
        all.findIndex(([each]) => each === directive),
      ),
    )
    .map(([, line]) => line);
}

function headerOfFiles(directive: Directive, here: Here): Outcome {
  const line = headerLine(directive);
  const { action, name, lower, value = '', isConditional } = line;
  if (isConditional) return notSupported(`fields are the same in all answers here, so ${name} is not sent`);
  if (/^(?:edit\*?|echo|note)$/.test(action)) return notSupported(`${action} has no counterpart for files`);
  if (action === 'unset') return unsetOfFiles(line, directive, here);
  if (lower === 'vary' && action !== 'set') return alwaysSo('Vary says what an answer depends on');
  const plain = plainValue(value);
  if (plain === undefined)
    return notSupported(`fields are the same in all answers here, so ${name} is not sent`);
  if (lower.startsWith('access-control-')) return cors(lower, plain);
  const earlier = earlierLines(lower, directive, here);
  // One name in one spelling: of two, one would not replace the other.
  const spelled = earlier[0]?.name ?? name;
  const before = earlier.findLast((other) => other.action !== 'unset');
  const isAdded = ['add', 'append', 'merge'].includes(action) && before !== undefined;
  const whole = isAdded ? `${plainValue(before.value ?? '') ?? ''}, ${plain}` : plain;
  const set = { headers: { [spelled]: whole } };
  const outcome =
    lower === 'content-security-policy' && here.kind === 'media'
      ? changed('as headers, in place of the policy that keeps uploads from running as part of the site', set)
      : kept('headers', set);
  return checked(() => checkAddedFields(set.headers), outcome);
}

function unsetOfFiles({ lower, name }: HeaderLine, directive: Directive, here: Here): Outcome {
  const before = earlierLines(lower, directive, here).find((other) => other.action !== 'unset');
  if (before === undefined && !['etag', 'last-modified', 'cache-control'].includes(lower)) {
    return notNeeded(
      `files are sent without ${name}, unless this server sends it for the safety of visitors`,
    );
  }
  const set = { headers: { [before?.name ?? name]: '' } };
  return checked(() => checkAddedFields(set.headers), kept('headers', set));
}

function cors(lower: string, value: string): Outcome {
  if (lower === 'access-control-allow-origin') {
    if (value === '*') return kept('cors', { cors: '*' });
    if (/^https?:\/\/[^/\s]+$/.test(value)) return kept('cors', { cors: [value] });
    return notSupported(
      `${quote(value)} is no origin; write cors with the origins whose pages may read the files`,
    );
  }
  if (lower === 'access-control-allow-credentials') {
    return notSupported('pages of other origins never read files with cookies here');
  }
  return notNeeded('cors answers what pages ask beforehand');
}

function fileEtag({ args }: Directive): Outcome {
  const [first] = args;
  return first?.toLowerCase() === 'none'
    ? kept('headers', { headers: { ETag: '' } })
    : alwaysSo('an ETag is made of the time of the last change and the size');
}

function directoryIndex(directive: Directive, here: Here): Outcome {
  if (lastOf('directoryindex', here) !== directive) return OVERRIDDEN;
  const [first = '', ...others] = directive.args;
  if (here.kind === 'internal') return notNeeded('the app names each file');
  if (first.toLowerCase() === 'disabled') return alwaysSo('');
  if (first === '' || first.includes('/')) return notSupported('an index is a name within the directory');
  const set = { index: first };
  return others.length === 0
    ? kept(`index: ${first}`, set)
    : changed(`as index: ${first}; the other names are not looked for`, set);
}

/** Rows for files. */
export const ROWS_FOR_FILES: readonly Row[] = [
  {
    names: ['Options'],
    files: options,
    doc: '`FollowSymLinks`: links are followed while they stay in the directory; without it: `symlinks: "never"`; `Indexes`, `MultiViews`, `Includes` and `ExecCGI` are told',
    examples: [['`Options -FollowSymLinks`', '`symlinks: "never"`']],
  },
  {
    names: ['AllowOverride', 'AllowOverrideList'],
    files: (directive, here) => {
      if (lastOf(directive.name.toLowerCase(), here) !== directive) return OVERRIDDEN;
      return directive.args.every((word) => word.toLowerCase() === 'none')
        ? alwaysSo('no .htaccess is read')
        : notSupported('no .htaccess is read: what one closes is open here; write it into this file');
    },
    app: () => alwaysSo(''),
    doc: '`None` is always so: no `.htaccess` is read; anything else is told, since what a `.htaccess` closes is open here',
    examples: [['`AllowOverride None`', 'always so']],
  },
  {
    names: ['AccessFileName'],
    says: notNeeded('no .htaccess is read, whatever its name'),
    doc: 'not needed: no `.htaccess` is read',
  },
  {
    names: ['DirectoryIndex'],
    files: directoryIndex,
    app: () => notNeeded('the app has no directories'),
    doc: '`index`, with the first of the names',
    examples: [['`DirectoryIndex index.html`', '`index: "index.html"`']],
  },
  {
    names: ['DirectorySlash', 'DirectoryIndexRedirect', 'DirectoryCheckHandler'],
    says: alwaysSo('with an index, a directory named without a slash is redirected to its slash'),
    doc: 'always so where there is an `index`',
  },
  {
    names: ['ExpiresActive'],
    files: ({ args }) =>
      isOn(args[0]) ? kept('maxAge and cacheControl, as the lines beside it say') : kept(''),
    app: () => notSupported('the app says itself how long its answers may be kept (cache_control of Django)'),
    doc: 'kept: whether the other lines of mod_expires count',
  },
  {
    names: ['ExpiresDefault'],
    files: expiresDefault,
    app: () => notSupported('the app says itself how long its answers may be kept (cache_control of Django)'),
    doc: '`maxAge`, with `ExpiresActive On`',
    examples: [['`ExpiresDefault "access plus 1 month"`', '`maxAge: "30d"`']],
  },
  {
    names: ['ExpiresByType'],
    files: expiresByType,
    app: () => notNeeded('the app says itself how long its answers may be kept'),
    doc: '`cacheControl` for the extensions of that type',
  },
  {
    names: ['Header'],
    files: headerOfFiles,
    app: headerOfApp,
    doc: '`headers` of files, `cors` for `Access-Control-Allow-Origin`; the answers of the app are passed on as they are',
    examples: [['`Header set X-Frame-Options DENY`', '`headers: { "X-Frame-Options": "DENY" }`']],
  },
  {
    names: ['AddType'],
    files: addType,
    app: () => notNeeded('the app says what its answers are'),
    doc: '`types`',
    examples: [['`AddType model/gltf-binary .glb`', '`types: { "glb": "model/gltf-binary" }`']],
  },
  {
    names: ['ForceType'],
    files: ({ args: [type = ''] }) =>
      type.toLowerCase() === 'none'
        ? alwaysSo('')
        : checked(() => checkMediaType(type), kept('headers', { headers: { 'Content-Type': type } })),
    app: () => notSupported('the app says what its answers are'),
    doc: '`headers` with `Content-Type`, for all files',
  },
  {
    names: ['DefaultType'],
    files: ({ args: [type = ''] }) =>
      alwaysSo(`Apache 2.4 does nothing with ${type || 'it'}; \`defaultType\` is the option`),
    app: () => notNeeded('the app says what its answers are'),
    doc: 'Apache 2.4 does nothing with it',
  },
  {
    names: ['AddDefaultCharset'],
    files: addDefaultCharset,
    app: () => notNeeded('Django says the charset of its answers'),
    doc: '`charset`',
    examples: [['`AddDefaultCharset utf-8`', '`charset: "utf-8"`']],
  },
  {
    names: ['AddCharset'],
    says: notSupported('text has one charset in a whole directory (`charset`)'),
    doc: 'not supported: text has one `charset` in a whole directory',
  },
  {
    names: ['AddEncoding'],
    says: notSupported(
      'a packed file is sent as what its ending says; those beside their files are found by `precompressed`',
    ),
    doc: 'not supported: packed files beside their files are found by `precompressed`',
  },
  {
    names: [
      'RemoveType',
      'RemoveEncoding',
      'RemoveCharset',
      'RemoveLanguage',
      'AddLanguage',
      'DefaultLanguage',
    ],
    says: notSupported('types go by the last ending of a name (`types`), and nothing is said of languages'),
    doc: 'not supported: types go by the last ending of a name (`types`)',
  },
  {
    names: ['LanguagePriority', 'ForceLanguagePriority', 'CacheNegotiatedDocs', 'MultiviewsMatch'],
    says: notSupported('nothing is chosen by language'),
    doc: 'not supported: nothing is chosen by language',
  },
  {
    names: ['TypesConfig', 'MimeMagicFile', 'ModMimeUsePathInfo'],
    says: notNeeded('the types of extensions are built in; `types` adds to them'),
    doc: 'not needed: the types are built in',
  },
  {
    names: ['RemoveHandler', 'RemoveOutputFilter', 'RemoveInputFilter'],
    says: alwaysSo('files are sent as they are'),
    doc: 'always so: files are sent as they are',
  },
  {
    names: ['AddHandler', 'Action', 'Script', 'AddInputFilter', 'SetInputFilter'],
    says: notSupported(
      'files are sent as they are, source and all, and nothing is run; move such files out of the directory',
    ),
    doc: 'not supported: files are sent as they are, source and all, and nothing is run',
  },
  {
    names: ['SetOutputFilter', 'AddOutputFilter', 'AddOutputFilterByType'],
    files: ({ args, name }) =>
      (/^set/i.test(name) ? args : args.slice(0, 1)).every((words) =>
        words.split(';').every((word) => /^(?:none|deflate|brotli_compress)$/i.test(word)),
      )
        ? changed('nothing is compressed on the way; siblings such as app.css.gz are sent (`precompressed`)')
        : notSupported('files are sent as they are'),
    app: () => changed('nothing is compressed on the way; Django has GZipMiddleware'),
    doc: '`DEFLATE` is told: nothing is compressed on the way, siblings are sent (`precompressed`)',
  },
  {
    names: ['FileETag'],
    files: fileEtag,
    app: () => notNeeded('the app makes its own ETags'),
    doc: '`None`: `headers: { "ETag": "" }`; else an ETag is made of time and size',
  },
  {
    names: ['EnableSendfile'],
    files: ({ args }) => kept(`sendfile: ${isOn(args[0])}`, { sendfile: isOn(args[0]) }),
    app: () => notNeeded('the app sends no files'),
    doc: '`sendfile`',
  },
  {
    names: ['EnableMMAP'],
    says: notNeeded('it says how files are read, which nobody sees'),
    doc: 'not needed',
  },
  {
    names: ['MaxRanges'],
    files: ({ args: [word = ''] }) => {
      if (/^\d{1,9}$/.test(word)) return kept(`maxRanges: ${word}`, { maxRanges: Number(word) });
      if (word.toLowerCase() === 'none') return kept('maxRanges: 0', { maxRanges: 0 });
      return changed('there is a limit of 64 ranges (`maxRanges`)');
    },
    app: () => notNeeded('the app serves its own ranges'),
    doc: '`maxRanges`',
  },
  {
    names: ['MaxRangeOverlaps', 'MaxRangeReversals'],
    says: alwaysSo('ranges that overlap are joined'),
    doc: 'always so: ranges that overlap are joined',
  },
  {
    names: ['Files', 'FilesMatch'],
    // Only one that says how long such files may be kept gets here.
    files: (section) => {
      const rule = cacheRuleOf(section);
      return rule === undefined ? OVERRIDDEN : kept('cacheControl by extension', { cacheControl: [rule] });
    },
    doc: 'one that says how long files with some extensions may be kept: `cacheControl`; one about names that begin with a dot is always so, since nobody gets them; others are told',
    examples: [['`<FilesMatch "^\\.ht">`', 'always so: names that begin with a dot are not served']],
  },
  {
    names: ['ErrorDocument'],
    doc: '`errorPage`, where it names a file that is served, for the whole site',
    examples: [['`ErrorDocument 502 /static/502.html`', '`errorPage: ["502=/srv/static/502.html"]`']],
  },
];
