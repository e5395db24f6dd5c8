// nginx's language: what the reader makes of it, where it stops, and that it agrees with the real one on what can be read.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Directive } from '../../src/migrate/directive.js';
import { readNginx } from '../../src/migrate/nginx/reader.js';
import { SourceFiles } from '../../src/migrate/source-files.js';
import { withoutNginx } from '../support/nginx.js';

/** A tree without places, as nested lists. */
type Bare = readonly [name: string, args: readonly string[], block?: readonly Bare[]];

const bare = ({ name, args, block }: Directive): Bare =>
  block === undefined ? [name, args] : [name, args, block.map(bare)];

async function read(t: Test, text: string | Buffer, others: Readonly<Record<string, string>> = {}) {
  const folder = t.testdir();
  await writeFile(join(folder, 'site.conf'), text);
  for (const [name, content] of Object.entries(others)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const { tree } = readNginx(join(folder, 'site.conf'), 'site.conf', folder, new SourceFiles());
  return tree;
}

t.test('words, quotes, escapes, comments and blocks', async (t) => {
  const texts: readonly (readonly [string, readonly Bare[]])[] = [
    ['a;', [['a', []]]],
    [
      'a b\tc\r\n d ;# e ;\nf g#h;',
      [
        ['a', ['b', 'c', 'd']],
        ['f', ['g#h']],
      ],
    ],
    ['a "b c" \'d " e\' "";', [['a', ['b c', 'd " e', '']]]],
    ['a "\\"b\\\\" \'\\\'\' c\\;d \\d+\\.\\n;', [['a', ['"b\\', "'", 'c\\;d', '\\d+\\.\n']]]],
    [`a $\{host}b $c { d; }`, [['a', [`$\{host}b`, '$c'], [['d', []]]]]],
    ['l /x{a b;}', [['l', ['/x'], [['a', ['b']]]]]],
    [
      'l ~ \\.php$ { } m {n{o;}}',
      [
        ['l', ['~', '\\.php$'], []],
        ['m', [], [['n', [], [['o', []]]]]],
      ],
    ],
    ['\uFEFFa ü;', [['a', ['ü']]]],
    ['', []],
    ['# only a comment', []],
    [
      'x_by_lua_block { if a then { b } end } c;',
      [
        ['x_by_lua_block', [], []],
        ['c', []],
      ],
    ],
  ];
  for (const [text, expected] of texts) {
    t.same((await read(t, text)).map(bare), expected, JSON.stringify(text));
  }
});

t.test('places are those of the first word', async (t) => {
  const tree = await read(t, '\n  a b;\n"c"\n d { # x\n\te "f\n g"; h; }');
  const places: string[] = [];
  const walk = (directives: readonly Directive[]): void => {
    for (const { name, place, block } of directives) {
      places.push(`${name} ${place.line}:${place.column}`);
      walk(block ?? []);
    }
  };
  walk(tree);
  t.same(places, ['a 2:3', 'c 3:1', 'e 5:2', 'h 6:6']);
});

t.test('includes are read in their place, in the order of their names', async (t) => {
  const tree = await read(
    t,
    'a; include d/*.conf; include one; server { include d/1.conf; } include none/*; z;',
    {
      'd/2.conf': 'two;',
      'd/1.conf': 'first;',
      'd/10.conf': 'ten;',
      'd/.hidden.conf': 'hidden;',
      'd/other.txt': 'other;',
      one: 'include d/2.conf;',
    },
  );
  const names: string[] = [];
  const walk = (directives: readonly Directive[]): void => {
    for (const { name, block } of directives) {
      if (name !== 'include') names.push(name);
      walk(block ?? []);
    }
  };
  walk(tree);
  t.same(names, ['a', 'first', 'ten', 'two', 'two', 'server', 'first', 'z']);
});

/** A word of any kind, quoted where it must be. */
const word = fc.oneof(
  fc.stringMatching(/^[\w/.~*=:-]{1,12}$/),
  fc.string({ maxLength: 12 }).filter((text) => !/\0|\.\.\.|\u2026|\$[{A-Z]|\{\{|\{%|<%|%\(/.test(text)),
);
const name = fc
  .stringMatching(/^[a-z_]{1,10}$/)
  .filter((text) => text !== 'include' && !text.endsWith('_by_lua_block'));
const { tree: trees } = fc.letrec<{ tree: Bare[]; directive: Bare }>((tie) => ({
  tree: fc.array(tie('directive'), { maxLength: 4 }),
  directive: fc.oneof(
    { maxDepth: 4 },
    fc.tuple(name, fc.array(word, { maxLength: 4 })) as fc.Arbitrary<Bare>,
    fc.tuple(name, fc.array(word, { maxLength: 2 }), tie('tree')) as fc.Arbitrary<Bare>,
  ),
}));

/** The tree in nginx's language. */
function print(tree: readonly Bare[]): string {
  return tree
    .map(([name, args, block]) => {
      const words = [
        name,
        ...args.map((arg) => `"${arg.replace(/["\\]/g, (letter) => `\\${letter}`)}"`),
      ].join(' ');
      return block === undefined ? `${words};\n` : `${words} {\n${print(block)}}\n`;
    })
    .join('');
}

t.test('three dots in quotes are a text', async (t) => {
  t.strictSame((await read(t, 'add_header X "...";')).map(bare), [['add_header', ['X', '...']]]);
});

t.test('what is printed is read again as it was', async (t) => {
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      t.strictSame((await read(t, print(tree))).map(bare), tree);
    }),
    { numRuns: 60 },
  );
});

t.test('what cannot be read is one line, with the place and what was expected', async (t) => {
  const deep = (count: number): string => `${'a {'.repeat(count)}${'}'.repeat(count)}`;
  const faults: readonly (readonly [string | Buffer, RegExp])[] = [
    ['server {\n  listen 80;', /site\.conf:2:13: the file ends within "server" of line 1; "\}" is expected$/],
    ['a;\n}', /site\.conf:2:1: "\}" is one too many/],
    ['a {\n b\n}', /site\.conf:3:1: ";" is expected before "\}", to end "b"/],
    ['a b', /site\.conf:1:4: the file ends within "a"; ";" or "\{" is expected/],
    [';', /site\.conf:1:1: ";" stands here without a directive before it/],
    ['a "b', /site\.conf:1:3: the text that begins here does not end; " is expected/],
    ["a 'b\nc", /site\.conf:1:3: .*' is expected/],
    ['a "b"c;', /site\.conf:1:6: "c" follows a closing "/],
    ['server {\n  ...\n}', /site\.conf:2:3: "\.\.\." stands for what a page of documentation leaves out/],
    ['listen {{ port }};', /site\.conf:1:8: "\{\{ port \}\}" is a placeholder/],
    ['a %(here)s;', /site\.conf:1:3: "%\(here\)s" is a placeholder/],
    [`a;\nlisten $\{PORT};`, /site\.conf:2:8: "\$\{PORT\}" is a placeholder that envsubst fills in/],
    ['proxy_pass http://$DJANGO_HOST;', /"\$DJANGO_HOST" is a placeholder/],
    [deep(10_000), /site\.conf:1:\d+: is in 32 blocks already/],
    [`a ${'x'.repeat(10 * 1024 * 1024)};`, /is longer than 4 MB/],
    [
      `a ${'x'.repeat(1024 * 1024)};`,
      /site\.conf:1:3: the word that begins here is longer than 4096 characters/,
    ],
    [`a "${'x\n'.repeat(100_000)}`, /site\.conf:1:3: the word that begins here is longer/],
    [Buffer.from('a;\nb \0;'), /site\.conf:2 has a NUL byte/],
    ['include site.conf;', /site\.conf:1:1: .*includes itself/],
    [
      'include missing.conf;',
      /site\.conf:1:1: .*missing\.conf cannot be read \(ENOENT\); name its directory with --config-prefix, or/,
    ],
    ['include a b;', /site\.conf:1:1: include has 2 arguments/],
    ['include /dev/zero;', /site\.conf:1:1: \/dev\/zero is no regular file/],
    ['include /;', /site\.conf:1:1: \/ is a directory/],
  ];
  for (const [text, message] of faults) {
    const began = process.cpuUsage();
    const label = String(text).slice(0, 40).replaceAll('\n', ' ');
    const error = await read(t, text).catch((error: Error) => error);
    if (!(error instanceof Error)) {
      t.fail(`${label}: is read`);
      continue;
    }
    t.match(error.message, message, label);
    t.notMatch(error.message, /\n/, `${label}: one line`);
    t.equal((error as Error & { code: string }).code, 'MEDIA_SERVE_BAD_VALUE');
    const { user, system } = process.cpuUsage(began);
    t.ok(user + system < 1_000_000, `${label}: takes less than a second of the processor`);
  }
});

t.test(
  'capitals that the configuration makes itself, and JSON in a format, are no placeholders',
  async (t) => {
    const texts = [
      'set $SHARD 1; set $MODE a; add_header X $SHARD$MODE;',
      'map $uri $IS_API { default 0; } server { set $a $IS_API; }',
      `location ~ ^/(?<NAME>.*)$ { alias /srv/$\{NAME}; }`,
      `log_format json '{{"a": {"b": "$uri"}}}';`,
    ];
    for (const text of texts) await t.resolves(read(t, text), text);
    await t.rejects(read(t, 'set $SHARD 1; listen $NGINX_PORT;'), {
      message: /"\$NGINX_PORT" is a placeholder/,
    });
  },
);

t.test('two includes in a circle, and a pattern for very many files', async (t) => {
  await t.rejects(read(t, 'include b.conf;', { 'b.conf': 'include site.conf;' }), {
    message: /includes itself/,
  });
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`d/${index}.conf`, 'a;']));
  await t.rejects(read(t, 'include d/*;', many), {
    message: /would be file 1001 of this configuration; 1000 are read/,
  });
});

t.test('what the real one can read, and what not', { skip: await withoutNginx() }, async (t) => {
  const folder = t.testdir();
  const accepts = async (values: string): Promise<boolean> => {
    // Any words go into a map.
    const text = `error_log stderr; pid ${folder}/pid;\nevents {}\nhttp { map $uri $x { ${values} } }\n`;
    await writeFile(join(folder, 'nginx.conf'), text);
    return promisify(execFile)('nginx', ['-t', '-q', '-p', folder, '-c', 'nginx.conf', '-e', 'stderr'], {
      env: { PATH: `${process.env['PATH']}:/usr/sbin` },
    }).then(
      () => true,
      () => false,
    );
  };
  const texts = [
    'a b;',
    '"a b" c;',
    'a "b"c;',
    'a b#c;',
    "'a\"b' c;",
    'a b\\;c;',
    'a b;;',
    'a }b;',
    'a "b;',
    'a b',
    "a '\\'';",
    '"" b;',
    'a "b" ;#c',
    'a {b;}',
  ];
  for (const text of texts) {
    const ours = await read(t, `map x y { ${text} }`).then(
      () => true,
      () => false,
    );
    // A block within a map is no matter of reading.
    if (text === 'a {b;}') continue;
    t.equal(ours, await accepts(text), text);
  }
});
