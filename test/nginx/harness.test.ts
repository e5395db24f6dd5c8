// The comparison itself: nginx agrees with nginx, and an nginx that differs in one directive is found out.
import t from 'tap';
import { withoutNginx } from '../support/nginx.js';
import { startAlias } from './alias.js';
import { explore } from './property.js';
import { Tree } from './tree.js';

const SEED = 1;

t.test('the comparison of two servers', { skip: await withoutNginx() }, async (t) => {
  const tree = new Tree(t.testdir());
  const { port } = await startAlias(t, tree);

  await t.test('nginx agrees with itself', async (t) => {
    const sides = { nginx: port, ours: port, tree, rules: [] };
    const { compared, disagreement } = await explore(sides, { count: 1_000, seed: SEED });
    t.equal(disagreement, undefined);
    t.ok(compared >= 1000);
  });

  const directives = [
    'etag off;',
    'if_modified_since before;',
    'max_ranges 1;',
    'merge_slashes off;',
    'keepalive_timeout 0;',
    'disable_symlinks on;',
    'error_page 404 =410 /gone;',
  ];
  for (const directive of directives) {
    await t.test(`an nginx with “${directive}” is found out`, async (t) => {
      const other = await startAlias(t, tree, directive);
      const sides = { nginx: port, ours: other.port, tree, rules: [] };
      // In small batches: those that show nothing are left out one after the other.
      const { disagreement } = await explore(sides, { count: 2_000, batch: 10, seed: SEED });
      t.match(disagreement, /HTTP\/1\.\d\\r\\n\n/, 'with the request that shows it');
      t.notMatch(disagreement, 'before it', 'and no other');
    });
  }
});
