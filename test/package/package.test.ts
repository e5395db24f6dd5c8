// What `npm publish` would send: everything that package.json promises, and nothing of the workshop.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

interface Manifest {
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | Record<string, string>>;
  readonly dependencies: Record<string, string>;
}

const manifest = JSON.parse(read('package.json')) as Manifest;

// Without scripts: `prepack` would build under the feet of the tests that are running.
const packed = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: fileURLToPath(ROOT),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as [{ files: { path: string }[] }];
const files = packed[0].files.map(({ path }) => path);

t.test('the package has every file that its manifest names', async (t) => {
  const exported = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  for (const path of [...Object.values(manifest.bin), ...exported]) {
    t.ok(files.includes(path.replace(/^\.\//, '')), path);
  }
});

t.test('the package has what a reader expects and nothing but the built code', async (t) => {
  const [code, rest] = [
    files.filter((path) => path.startsWith('dist/')),
    files.filter((path) => !path.startsWith('dist/')),
  ];
  t.same(rest.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  t.same(
    code.filter((path) => !/\.(?:js|d\.ts|json)$/.test(path)),
    [],
  );
});

t.test('the command can be run by its name', async (t) => {
  for (const path of Object.values(manifest.bin)) t.match(read(path), /^#!\/usr\/bin\/env node\n/);
});

t.test('the built code imports only what the package depends on', async (t) => {
  for (const path of files.filter((file) => file.endsWith('.js'))) {
    for (const { fileName: name } of ts.preProcessFile(read(path)).importedFiles) {
      if (name.startsWith('.') || isBuiltin(name)) continue;
      const [, dependency = ''] = /^((?:@[^/]+\/)?[^/]+)/.exec(name) ?? [];
      t.ok(dependency in manifest.dependencies, `${path} imports ${name}`);
    }
  }
});
