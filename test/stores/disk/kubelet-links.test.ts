// The links of a Kubernetes volume are told from all that looks like them.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { publishedPath } from '../../../src/stores/disk/kubelet-links.js';
import { writeVolume } from '../../support/kubelet.js';

const VERSION = '..2026_11_29_03_30_00.123456789';

t.test(
  'a file has the path by which the kubelet makes it visible, and only then another than it has',
  async (t) => {
    const root = `${t.testdir({ volume: {}, plain: {}, git: {}, directory: { '..data': {} }, outer: {} })}/`;
    const files = { 'a.txt': 'a', 'sub/deep/b.txt': 'b', '.env': 'hidden', 'sub/.hidden': 'hidden' };
    writeVolume(root, '..2026_1', files);
    writeVolume(join(root, 'volume'), VERSION, files);
    writeVolume(join(root, 'outer'), VERSION, { 'inner/x': 'x' });
    writeVolume(join(root, 'outer', VERSION, 'inner'), '..2026_2', { 'c.txt': 'c' });
    symlinkSync('..data/a.txt', join(root, 'volume/other.txt'));
    mkdirSync(join(root, 'volume/..2025_1'));
    symlinkSync('..2025_1/direct.txt', join(root, 'volume/direct.txt'));
    // Neither of these has both links.
    symlinkSync('..data/a.txt', join(root, 'plain/a.txt'));
    symlinkSync('..data/a.txt', join(root, 'directory/a.txt'));
    symlinkSync('.git', join(root, 'git/..data'));
    symlinkSync('..data/config', join(root, 'git/config'));
    const cases: readonly (readonly [path: string, published: string])[] = [
      ['..2026_1/a.txt', 'a.txt'],
      ['..2026_1/sub/deep/b.txt', 'sub/deep/b.txt'],
      ['..2026_1/.env', '.env'],
      ['..2026_1/sub/.hidden', 'sub/.hidden'],
      [`volume/${VERSION}/a.txt`, 'volume/a.txt'],
      [`volume/${VERSION}/sub/deep/b.txt`, 'volume/sub/deep/b.txt'],
      [`outer/${VERSION}/inner/..2026_2/c.txt`, 'outer/inner/c.txt'],
      // A version that is no longer, or not yet, the current one.
      ['volume/..2027_1/a.txt', 'volume/a.txt'],
    ];
    for (const [path, published] of cases) t.equal(publishedPath(root, path), published, path);
    for (const path of [
      'a.txt',
      '',
      'volume/a.txt',
      '..data/a.txt',
      'volume/..data/a.txt',
      `volume/${VERSION}`,
      `volume/${VERSION}/`,
      `volume/${VERSION}/missing.txt`,
      `volume/${VERSION}/other.txt`,
      'volume/..2025_1/direct.txt',
      'volume/..data_tmp/a.txt',
      'volume/..2026/a.txt',
      'volume/..2026_x/a.txt',
      'volume/...2026_1/a.txt',
      'volume/.2026_1/a.txt',
      'plain/..2026_1/a.txt',
      'directory/..data/a.txt',
      'git/.git/config',
      'git/..2026_1/config2',
      'missing/..2026_1/a.txt',
    ]) {
      t.equal(publishedPath(root, path), path, path);
    }
  },
);
