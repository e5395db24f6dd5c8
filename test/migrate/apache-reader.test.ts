// Apache's language is read as Apache reads it, and what cannot be read ends in one line that names the place.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how Apache writes variables
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { readTree } from '../../src/migrate/apache/reader.js';
import type { Directive } from '../../src/migrate/directive.js';
import { SourceFiles } from '../../src/migrate/source-files.js';

const root = t.testdir();
let files = 0;

/** Writes the text as a file of its own and reads it. */
function read(text: string, environment: Readonly<Record<string, string>> = {}) {
  files += 1;
  const path = join(root, `${files}.conf`);
  writeFileSync(path, text);
  return readTree(path, { from: 'FILE', prefix: undefined, files: new SourceFiles(), environment });
}

/** Names and arguments as a list, blocks as a list at the end; without places. */
function plain(directives: readonly Directive[]): unknown[] {
  return directives.map(({ name, args, block }) => [name, ...args, ...(block ? [plain(block)] : [])]);
}

const tree = (text: string, environment?: Readonly<Record<string, string>>): unknown[] =>
  plain(read(text, environment).tree);

/** The message of the refusal, without the directory. */
function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    const { message } = error as Error;
    t.notMatch(message, /\n/, 'one line');
    return message.replaceAll(`${root}/${files}.conf`, 'FILE');
  }
  return 'no refusal';
}

t.test('lines, words and sections are read as Apache reads them', async (t) => {
  // Each was seen with `apache2 -t`, Debian's 2.4.
  const cases: readonly [text: string, tree: unknown[]][] = [
    ['Alias /m /tmp', [['Alias', '/m', '/tmp']]],
    ['\tAlias\t/m \t /tmp \r\n', [['Alias', '/m', '/tmp']]],
    ['# a comment\n  # one more\nA # no comment', [['A', '#', 'no', 'comment']]],
    ['# a comment goes on \\\nBogus\nA', [['A']]],
    ['A \\\n  b \\\r\n c', [['A', 'b', 'c']]],
    ['A b\\\nc', [['A', 'bc']]],
    ['A b \\ \nC', [['A', 'b', '\\'], ['C']]],
    ['A b \\', [['A', 'b', '\\']]],
    ['A "b c" \'d "e"\' ""', [['A', 'b c', 'd "e"', '']]],
    ['A "b \\"c\\" \\\\ \\d" e\\\\f \\"g', [['A', 'b "c" \\ \\d', 'e\\f', '\\"g']]],
    ['A "b"c d"e"', [['A', 'b', 'c', 'd"e"']]],
    ['ErrorDocument 404 "not here', [['ErrorDocument', '404', 'not here']]],
    ['<Directory "/a b>c">x\n</DIRECTORY> # told\nA', [['Directory', '/a b>c', []], ['A']]],
    ['<RequireAll>\nA\n</RequireAll>', [['RequireAll', [['A']]]]],
    ['<A b>\n<C d>\nE\n</C>\n</A>', [['A', 'b', [['C', 'd', [['E']]]]]]],
    ['\uFEFFA', [['A']]],
    ['', []],
  ];
  for (const [text, expected] of cases) t.same(tree(text), expected, JSON.stringify(text));
});

t.test('variables stand for their values, in the whole line and before it is taken apart', async (t) => {
  t.same(tree('Define A /tmp\nDefine B ${A}/b\nX ${B} ${B}', {}).at(-1), ['X', '/tmp/b', '/tmp/b']);
  t.same(tree('Define A "a b"\nX ${A} "${A}"').at(-1), ['X', 'a', 'b', 'a b']);
  t.same(tree('Define N lias\nA${N} /m').at(-1), ['Alias', '/m']);
  t.same(tree('X ${HERE}', { HERE: 'there' }), [['X', 'there']]);
  t.same(tree('ErrorLog ${APACHE_LOG_DIR}/e'), [['ErrorLog', '/var/log/apache2/e']], "Debian's own");
  const { tree: left, undefinedIn } = read('Define A 1\nUnDefine A\nX ${A} ${${B}}\nY ${map:%1}');
  t.same(plain(left).slice(2), [
    ['X', '${A}', '${${B}}'],
    ['Y', '${map:%1}'],
  ]);
  t.same([...undefinedIn.values()], ['${A}']);
});

t.test('conditions are decided as for 2.4 with every module', async (t) => {
  const skipped = (text: string): boolean => read(`${text}\nX\n</${/\w+/.exec(text)?.[0]}>`).skipped.size > 0;
  const there = join(root, 'there');
  writeFileSync(there, '');
  for (const [text, isSkipped] of [
    ['<IfModule mod_x.c>', false],
    ['<IfModule !mod_x.c>', true],
    ['<IfDefine X>', true],
    ['<IfDefine !X>', false],
    ['<IfVersion >= 2.4>', false],
    ['<IfVersion < 2.4>', true],
    ['<IfVersion !< 2.4>', false],
    ['<IfVersion 2.4>', true],
    ['<IfVersion ~ ^2\\.4>', false],
    ['<IfVersion = /^2.2/>', true],
    [`<IfFile ${there}>`, false],
    [`<IfFile !${there}>`, true],
  ] as const) {
    t.equal(skipped(text), isSkipped, text);
  }
  t.equal(read('Define X\n<IfDefine X>\nA\n</IfDefine>').skipped.size, 0);
  t.match(refusal('<IfVersion >= two>\n</IfVersion>'), /"two" is no version/);
  t.match(refusal('<IfVersion ~ (>\n</IfVersion>'), /"\(" is no regular expression/);
  t.same(
    tree('<IfModule !x>\nDefine A 1\nInclude nothing\n...\n</IfModule>\nX ${A}').at(-1),
    ['X', '${A}'],
    'what is left out does nothing',
  );
});

t.test('includes are read from the server root, patterns and directories in order', async (t) => {
  const conf = join(root, 'conf');
  mkdirSync(join(conf, 'd', 'e'), { recursive: true });
  for (const name of ['b.conf', 'a.conf', 'd/z.conf', 'd/e/y.conf']) {
    writeFileSync(join(conf, name), `Here ${name}`);
  }
  const here = (text: string): unknown => tree(`ServerRoot ${conf}\n${text}`).at(-1);
  t.same(here('Include *.conf'), [
    'Include',
    '*.conf',
    [
      ['Here', 'a.conf'],
      ['Here', 'b.conf'],
    ],
  ]);
  t.same(here('Include d'), [
    'Include',
    'd',
    [
      ['Here', 'd/e/y.conf'],
      ['Here', 'd/z.conf'],
    ],
  ]);
  t.same(here('IncludeOptional nothing/*.conf'), ['IncludeOptional', 'nothing/*.conf', []]);
  t.same(here('IncludeOptional nothing.conf'), ['IncludeOptional', 'nothing.conf', []]);
  t.match(refusal('Include nothing/*.conf'), /^FILE:1:1: nothing matches/);
  t.match(refusal('Include nothing.conf'), /^FILE:1:1: .*cannot be read \(ENOENT\)/);
  t.match(refusal('Include ${WHERE}/x'), /^FILE:1:1: \$\{WHERE\} is not defined/);
  t.match(refusal('Include'), /takes one path/);
  writeFileSync(join(conf, 'open.conf'), '</Directory>');
  t.match(refusal(`<Directory /x>\nInclude ${conf}/open.conf\n</Directory>`), /closes no section/);
});

t.test('what cannot be read says where, and what was expected', async (t) => {
  const cases: readonly [text: string, message: RegExp][] = [
    ['A\n  <Directory /x>\nB', /^FILE:2:3: <Directory> is not closed; expected "<\/Directory>"/],
    ['<A x>\n<B y>\n</A>', /^FILE:3:1: "<\/A>" where "<\/B>" is expected, for the section of line 2/],
    ['</A>', /^FILE:1:1: "<\/A>" closes no section/],
    ['<A x>\n</A >', /^FILE:2:1: "<\/A" where "<\/A>" is expected/],
    ['<A x\n</A>', /^FILE:1:1: <A has no end; expected ">"/],
    ['< A x>\n</A>', /expected a name right after "<"/],
    ['<Directory>\n</Directory>', /expected a word before ">"/],
    ['A "b', /^FILE:1:1: a quote in this line of A is not closed/],
    ['A\n...', /^FILE:2:1: "\.\.\." stands for lines that the documentation leaves out/],
    ['A\n …', /^FILE:2:2: "…" stands for lines/],
    ['ServerName {{ host }}', /^FILE:1:1: "{{ host }}" is a placeholder of a template/],
    ['{% if x %}', /"{% if x %}" is a placeholder/],
    ['Alias /m %(media)s', /"%\(media\)s" is a placeholder/],
  ];
  for (const [text, message] of cases) t.match(refusal(text), message, text);
  t.match(refusal('LogFormat "%{X}i %(x)" a'), 'no refusal');
});

t.test('hostile files end in one line, soon', async (t) => {
  const self = join(root, 'self.conf');
  writeFileSync(self, `Include ${self}`);
  const loop = join(root, 'loop');
  mkdirSync(loop);
  for (const name of ['a', 'b']) symlinkSync(loop, join(loop, name));
  const full = join(root, 'full');
  mkdirSync(full);
  for (let index = 0; index < 1100; index += 1) writeFileSync(join(full, `${index}.conf`), '');
  const cases: readonly [what: string, text: () => string, message: RegExp][] = [
    ['a pattern for many files', () => `Include ${full}/*.conf`, /would be file 1001 of this configuration/],
    ['nested sections', () => '<A b>\n'.repeat(10_000), /more than 64 sections within each other/],
    ['a long line', () => `A ${'x'.repeat(10_000_000)}`, /longer than 4 MB/],
    ['a line that is not short', () => `A ${'x'.repeat(3_000_000)}`, /line is longer than 64 kB/],
    ['lines joined without end', () => 'A \\\n'.repeat(500_000), /line is longer than 64 kB/],
    ['an open quote', () => `A "${'x\n'.repeat(1000)}`, /quote in this line of A is not closed/],
    ['NUL', () => 'A\0', /FILE:1 has a NUL byte/],
    ['variables of variables', () => doubling(40), /line is longer than 64 kB/],
    [
      'a value put in often',
      () => `Define A ${'x'.repeat(60_000)}\nB ${'${A}'.repeat(15_000)}`,
      /longer than 64 kB/,
    ],
    ['an include of itself', () => `Include ${self}`, /includes itself/],
    ['a directory within itself', () => `Include ${loop}`, /includes within each other/],
    [
      'a pattern without end',
      () => `<IfVersion ~ ${'('.repeat(200)}.*${')*'.repeat(200)}x>\n</IfVersion>`,
      /too much for a version/,
    ],
    ['a long pattern', () => `<IfVersion ~ ${'.*'.repeat(100)}x>\n</IfVersion>`, /too much for a version/],
    ['directives without end', () => 'A\n'.repeat(1_000_000), /more than 20000 directives/],
    ['placeholders that never end', () => `A ${'{{%('.repeat(15_000)}`, /no refusal/],
    ['a device', () => 'Include /dev/zero', /no regular file/],
  ];
  for (const [what, text, message] of cases) {
    const start = process.cpuUsage();
    t.match(refusal(text()), message, what);
    const { user, system } = process.cpuUsage(start);
    t.ok((user + system) / 1000 < 1500, `${what} takes little time`);
  }
});

function doubling(times: number): string {
  const lines = ['Define A0 xx'];
  for (let index = 1; index < times; index += 1) {
    lines.push(`Define A${index} \${A${index - 1}}\${A${index - 1}}`);
  }
  return lines.join('\n');
}

t.test('a tree that is printed and read again is the same', async (t) => {
  const word = fc.stringMatching(/^[A-Za-z]{1,8}$/).map((name) => `X${name}`);
  const arg = fc
    .string({ unit: fc.constantFrom(...'ab/> <"\'\\#$%\t.é'), maxLength: 8 })
    .filter((text) => !text.includes('${'));
  const { forest } = fc.letrec<{ forest: unknown[]; node: unknown[] }>((tie) => ({
    forest: fc.array(tie('node'), { maxLength: 4 }),
    node: fc.oneof(
      { maxDepth: 4 },
      fc.tuple(word, fc.array(arg, { maxLength: 4 })).map(([name, args]) => [name, ...args]),
      fc
        .tuple(word, fc.array(arg, { minLength: 1, maxLength: 3 }), tie('forest'))
        .map(([name, args, inner]) => [name, ...args, inner]),
    ),
  }));
  fc.assert(
    fc.property(forest, fc.boolean(), (wanted, isJoined) => {
      t.same(tree(printed(wanted, isJoined ? ' \\\r\n ' : ' ')), wanted);
    }),
    { numRuns: 200, seed: 28 },
  );
});

/** In Apache's syntax, every argument in quotes. */
function printed(nodes: readonly unknown[], between: string): string {
  return nodes
    .map((node) => {
      const [name, ...rest] = node as [string, ...unknown[]];
      const last = rest.at(-1);
      const args = rest.filter((each) => typeof each === 'string');
      const head = [name, ...args.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`)].join(between);
      return Array.isArray(last) ? `<${head}>\n${printed(last, between)}</${name}>\n` : `${head}\n`;
    })
    .join('');
}
