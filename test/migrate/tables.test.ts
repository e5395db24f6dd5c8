// The tables of directives: each has words, the README is made of them, and what people write has a row.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { APACHE_ROWS } from '../../src/migrate/apache/table.js';
import { findNginxRow, NGINX_ROWS } from '../../src/migrate/nginx/table.js';
import { migrationAsMarkdown } from '../../src/migrate/reference.js';
import { NGINX_DIRECTIVES } from './nginx-directives.js';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

t.test("the README's tables are those that the code makes", async (t) => {
  const [, tables] = /<!-- migration:start -->\n([\s\S]*?)\n<!-- migration:end -->/.exec(README) ?? [];
  t.equal(tables, migrationAsMarkdown(), 'npm run docs writes them anew');
});

t.test('a row says something wherever it is asked', async (t) => {
  for (const { names, doc, says } of [...NGINX_ROWS, ...APACHE_ROWS]) {
    t.ok(names.length > 0 && doc !== '', names.join(' '));
    if (says !== undefined && says.verdict !== 'always so' && says.verdict !== 'kept') {
      t.ok(says.words.length > 10, `${names[0]}: why, or what to do instead`);
    }
  }
});

t.test('every directive of a real nginx has a row', async (t) => {
  t.ok(NGINX_DIRECTIVES.length > 400);
  for (const name of NGINX_DIRECTIVES) t.ok(findNginxRow(name), name);
});
