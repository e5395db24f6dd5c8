// What is written twice must agree: the README's table of options, the package's JSON Schema, and the option table
// that both are made from (`npm run docs`, `npm run build`).
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import t from 'tap';
import { parseCommandLine } from '../src/config/command-line.js';
import { NAMED_NETWORKS } from '../src/config/network.js';
import { environmentOf, flagOf, isOnCommandLine, OPTION_LIST } from '../src/config/options.js';
import { optionsAsMarkdown } from '../src/config/reference.js';
import { configSchema } from '../src/config/schema.js';
import { PROXY_FIELDS, type Treatment } from '../src/http/proxy-fields.js';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');

t.test('the README is read in one sitting, but for what is folded', async (t) => {
  const open = readme.replaceAll(/<details>[\s\S]*?<\/details>/g, '');
  const wordsOf = (text: string): number =>
    text.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word)).length;
  t.ok(wordsOf(open) < 3500, `${wordsOf(open)} words`);
  const first = open.slice(0, open.indexOf('\n## Deploy it'));
  t.ok(wordsOf(first) < 250, `${wordsOf(first)} words for one who tries it`);
});

t.test("the README's table of options is the one that the code makes", async (t) => {
  const [, table] = /<!-- options:start -->\n([\s\S]*?)\n<!-- options:end -->/.exec(readme) ?? [];
  t.equal(table, optionsAsMarkdown(), 'npm run docs writes it anew');
});

/** What becomes of a field: from a trusted proxy, and from anybody else. */
const TREATMENTS: Readonly<Record<Treatment, readonly [trusted: string, others: string]>> = {
  said: ['read, and said anew', 'said anew'],
  passed: ['passed on, unless there are several', 'dropped'],
  dropped: ['dropped', 'dropped'],
};

t.test("the README's table of the fields of proxies is the code's", async (t) => {
  const [, table] = /<!-- proxy-fields:start -->\n([\s\S]*?)\n<!-- proxy-fields:end -->/.exec(readme) ?? [];
  const capitals = (name: string): string =>
    name
      .replace(/(?<![a-z])[a-z]/g, (letter) => letter.toUpperCase())
      .replace(/\b(?:Ip|Id)\b/, (word) => word.toUpperCase());
  const rows = PROXY_FIELDS.map(({ names, treatment, why }) => {
    const shown = names.map((name) => `\`${capitals(name)}\``).join(', ');
    return `| ${[shown, ...TREATMENTS[treatment], why].join(' | ')} |`;
  });
  t.equal(
    table,
    ['| fields | from a trusted proxy | from others | why |', '|---|---|---|---|', ...rows].join('\n'),
  );
});

t.test("the README's table of words for --trust-proxy has every word and what it covers", async (t) => {
  const [, table = ''] = /<!-- trusted:start -->\n([\s\S]*?)\n<!-- trusted:end -->/.exec(readme) ?? [];
  const rows = table.split('\n').slice(2);
  const words = [...Object.entries(NAMED_NETWORKS), ['unix', []] as const];
  for (const [word, networks] of words) {
    const row = rows.find((each) => each.startsWith(`| \`${word}\` |`));
    t.ok(row, word);
    const covered = [...((row ?? '').split('|')[2]?.matchAll(/`([\da-f.:/]+)`/g) ?? [])].map(
      ([, network]) => network,
    );
    t.same(
      covered,
      networks.map((network) => network.replace('::1/128', '::1')),
      word,
    );
  }
});

t.test('every flag and variable that the README speaks of exists', async (t) => {
  const flags = new Set(OPTION_LIST.flatMap(([name, row]) => (isOnCommandLine(row) ? [flagOf(name)] : [])));
  const migrate = parseCommandLine(['migrate', '--help'], '');
  const ofMigrate =
    'print' in migrate ? [...migrate.print.matchAll(/^ +(--[a-z0-9-]+)/gm)].map(([, flag]) => flag) : [];
  const variables = new Set(OPTION_LIST.flatMap(([name]) => environmentOf(name)));
  // What is said of directives names the flags of other programs.
  const own = readme.replace(/<!-- migration:start -->[\s\S]*<!-- migration:end -->/, '');
  // Lines of a shell that run this command, and inline code that begins with a flag.
  const lines = own.split('\n').filter((line) => /^\s*(?:npx )?media-serve /.test(line));
  const spoken = [
    ...lines.join('\n').matchAll(/ (--[a-z][a-z0-9-]*)/g),
    ...own.matchAll(/`(--[a-z][a-z0-9-]*)/g),
  ];
  t.ok(spoken.length > 5);
  for (const [, flag = ''] of spoken) {
    const known =
      flags.has(flag) ||
      flags.has(flag.replace(/^--no-/, '--')) ||
      ofMigrate.includes(flag) ||
      /^--(?:help|version)$/.test(flag);
    t.ok(known, flag);
  }
  for (const [variable] of readme.matchAll(/\bMEDIA_SERVE_[A-Z0-9_]+[A-Z]\b/g)) {
    // Codes of errors have the same beginning.
    if (!read('src/http/errors.ts').includes(`'${variable}'`)) t.ok(variables.has(variable), variable);
  }
});

t.test("the package's schema is the one that the code makes, and editors can use it", async (t) => {
  const schema = JSON.parse(read('dist/schema.json')) as object;
  t.same(schema, JSON.parse(JSON.stringify(configSchema())), 'npm run build writes it anew');
  const validate = new Ajv({ allowUnionTypes: true, strict: false }).compile(schema);
  t.ok(
    validate({
      listen: ':8080',
      locations: [
        { kind: 'media', prefix: '/media/', root: './media', maxAge: '5m' },
        { kind: 'upstream', prefix: '/', upstream: ':8000' },
      ],
    }),
    'a configuration that is right',
  );
  for (const wrong of [{ lissten: ':8080' }, { locations: [{ kind: 'media', prefix: '/media/' }] }]) {
    t.notOk(validate(wrong), JSON.stringify(wrong));
  }
});

t.test("the README's examples of a config file are right by the schema", async (t) => {
  const validate = new Ajv({ allowUnionTypes: true, strict: false }).compile(
    JSON.parse(read('dist/schema.json')) as object,
  );
  const examples = [...readme.matchAll(/```json\n([\s\S]*?)```/g)].map(([, text = '']) => text);
  const configs = examples.filter((text) => text.includes('"locations"'));
  t.ok(configs.length > 0, 'there is an example');
  for (const text of configs) t.ok(validate(JSON.parse(text)), `${text}\n${JSON.stringify(validate.errors)}`);
});
