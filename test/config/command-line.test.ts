// The command line, read into flags.
import t from 'tap';
import { parseCommandLine } from '../../src/config/command-line.js';
import { flagOf, isOnCommandLine, OPTION_LIST } from '../../src/config/options.js';

const VERSION = '1.2.3';

t.test('flags are kept as they were written', async (t) => {
  const cases: readonly (readonly [argv: readonly string[], flags: object])[] = [
    [[], {}],
    [['--root', './a'], { root: './a' }],
    [['--root=./a'], { root: './a' }],
    [['--max-age', '1h', '--log-format', 'json'], { maxAge: '1h', logFormat: 'json' }],
    [['--mount', '/a/=1', '--mount', '/b/=2'], { mount: ['/a/=1', '/b/=2'] }],
    [['--root', './a', '--root', './b'], { root: './b' }],
  ];
  for (const [argv, flags] of cases) t.same(parseCommandLine(argv, VERSION), { flags }, argv.join(' '));
});

t.test('every option of the table that is a single value is a flag', async (t) => {
  for (const [name, row] of OPTION_LIST) {
    // A switch stands alone.
    if (!isOnCommandLine(row) || row.type.placeholder === '') continue;
    const expected = row.type.repeatable ? ['value'] : 'value';
    t.same(parseCommandLine([flagOf(name), 'value'], VERSION), { flags: { [name]: expected } }, name);
  }
});

t.test('help and version are printed instead of running', async (t) => {
  t.same(parseCommandLine(['--version'], VERSION), { print: '1.2.3\n' });
  t.match(parseCommandLine(['--help'], VERSION), { print: /^Usage: media-serve / });
  t.match(parseCommandLine(['--root', 'x', '--help'], VERSION), { print: /^Usage: media-serve / });
});

t.test('a command line that cannot be read is refused in one line', async (t) => {
  const cases: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [['--nope'], /--nope/],
    [['--maxage', '1s'], /--maxage.*--max-age/],
    [['-r', 'x'], /-r/],
    [['--root'], /--root/],
    [['./media'], /\.\/media/],
  ];
  for (const [argv, message] of cases) {
    t.throws(() => parseCommandLine(argv, VERSION), { code: 'MEDIA_SERVE_USAGE', message }, argv.join(' '));
    t.throws(() => parseCommandLine(argv, VERSION), { message: /^[^\n]* --[a-z]+[^\n]*$/ });
  }
});
