// The option table itself: what must hold for every row, including those that are added later.
import t from 'tap';
import { environmentOf, flagOf, OPTION_LIST } from '../../src/config/options.js';

t.test('every option has a flag and a variable made from its name', async (t) => {
  t.equal(flagOf('maxAge'), '--max-age');
  t.equal(flagOf('root'), '--root');
  t.same(environmentOf('maxAge'), ['MEDIA_SERVE_MAX_AGE']);
  t.same(environmentOf('staticRoot'), ['MEDIA_SERVE_STATIC_ROOT', 'STATIC_ROOT']);
  for (const [name] of OPTION_LIST) {
    t.match(flagOf(name), /^--[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/);
    t.match(environmentOf(name)[0], /^MEDIA_SERVE_[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/);
  }
});

t.test('the options of the first release have the names and defaults that were promised', async (t) => {
  const promised: readonly (readonly [flag: string, variables: readonly string[], fallback?: string])[] = [
    ['--root', ['MEDIA_ROOT', 'MEDIA_SERVE_ROOT'], './media'],
    ['--url', ['MEDIA_URL', 'MEDIA_SERVE_URL'], '/media/'],
    ['--static-root', ['STATIC_ROOT', 'MEDIA_SERVE_STATIC_ROOT']],
    ['--static-url', ['STATIC_URL', 'MEDIA_SERVE_STATIC_URL'], '/static/'],
    ['--mount', ['MEDIA_SERVE_MOUNT']],
    ['--upstream', ['MEDIA_SERVE_UPSTREAM']],
    ['--listen', ['PORT', 'MEDIA_SERVE_LISTEN'], ':8080'],
    ['--config', ['MEDIA_SERVE_CONFIG']],
    ['--max-age', ['MEDIA_SERVE_MAX_AGE'], '60s'],
    ['--log-level', ['MEDIA_SERVE_LOG_LEVEL'], 'info'],
    ['--log-format', ['MEDIA_SERVE_LOG_FORMAT']],
  ];
  for (const [flag, variables, fallback] of promised) {
    const [name, row] = OPTION_LIST.find(([name]) => flagOf(name) === flag) ?? [];
    if (name === undefined) {
      t.fail(`${flag} is missing`);
      continue;
    }
    t.same([...environmentOf(name)].sort(), [...variables].sort(), flag);
    t.equal(row?.default, fallback, `the default of ${flag}`);
  }
});

t.test('no variable means two options', async (t) => {
  const variables = OPTION_LIST.flatMap(([name]) => environmentOf(name));
  t.equal(new Set(variables).size, variables.length);
});

t.test('every default can be read', async (t) => {
  for (const [name, row] of OPTION_LIST) {
    if (row.default !== undefined) t.doesNotThrow(() => row.type.parse(row.default), name);
  }
});

t.test('every option is documented in one line without a full stop', async (t) => {
  for (const [name, row] of OPTION_LIST) t.match(row.doc, /^[^\n]{10,}[^.\n]$/, name);
});
