// The README's table of differences from nginx is the one that the side-by-side test asserts.
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { README, withRules } from './readme.js';

t.test(
  'the README lists every difference from nginx; npx tsx test/nginx/readme.ts writes the list',
  async (t) => {
    const readme = await readFile(README, 'utf8');
    t.equal(readme, withRules(readme));
  },
);
