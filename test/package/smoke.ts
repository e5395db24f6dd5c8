// The packed tarball as its users meet it: packed with all that its manifest promises and nothing of the workshop, installed
// with npm into an empty folder, started there with npx. Not a part of `npm test`, since it builds and
// needs the registry: `npx tsx test/package/smoke.ts`.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { isBuiltin } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const project = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'media-serve-package-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
// Without the strictness of this project's own .npmrc, which npm hands on to what it runs.
const env = { ...process.env, npm_config_engine_strict: 'false' };
const run = (command: string, args: string[], cwd = folder): string =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

// Beside the install's folder, so that this one starts out empty.
const packed = mkdtempSync(join(folder, 'packed-'));
run('npm', ['pack', '--silent', '--pack-destination', packed], project);
const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { version: string };
checkContents(join(packed, `media-serve-${version}.tgz`));
const site = mkdtempSync(join(folder, 'site-'));
run('npm', ['install', '--no-audit', '--no-fund', join(packed, `media-serve-${version}.tgz`)], site);
assert.equal(run('npx', ['media-serve', '--version'], site).trim(), version);
run(process.execPath, ['--input-type=module', '--eval', "await import('media-serve')"], site);

checkGlobalInstall();

const photo = randomBytes(300_000);
mkdirSync(join(site, 'media'));
writeFileSync(join(site, 'media', 'photo.jpg'), photo);
const app = createServer((request, response) => response.end(`the app's answer to ${request.url}`));
app.listen(0, '127.0.0.1');
await once(app, 'listening');
const { port } = app.address() as AddressInfo;

const npx = spawn('npx', ['media-serve', '--root', './media', '--upstream', `:${port}`], {
  cwd: site,
  env: { ...process.env, MEDIA_SERVE_LISTEN: '127.0.0.1:0', MEDIA_SERVE_LOG_FORMAT: 'json' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const exited = once(npx, 'exit');
let origin: string | undefined;
for await (const line of createInterface(npx.stdout)) {
  const { msg, address } = JSON.parse(line) as { msg: string; address?: string };
  if (msg !== 'listening') continue;
  origin = address;
  break;
}
assert.ok(origin !== undefined, 'it ended without having listened');
npx.stdout.resume();

// npx runs a shell that runs the server, and hands a signal no further than to the shell: ask the server itself.
const serverProcess = youngest(npx.pid);
process.on('exit', () => signal(serverProcess, 'SIGKILL'));

const media = await fetch(`${origin}/media/photo.jpg`);
assert.equal(media.status, 200);
assert.equal(media.headers.get('content-type'), 'image/jpeg');
assert.ok(photo.equals(Buffer.from(await media.arrayBuffer())), 'the file came back changed');
const page = await fetch(`${origin}/photos/1/?size=2`);
assert.equal(await page.text(), "the app's answer to /photos/1/?size=2");

assert.ok(signal(serverProcess, 'SIGTERM'), 'it is no longer running');
assert.deepEqual(await exited, [0, null], 'exit code and signal after SIGTERM');
app.close();
console.log(`package: media-serve ${version} installs here and globally, starts with npx, serves and stops`);

/** What `npm publish` would send. */
function checkContents(tarball: string): void {
  run('tar', ['-xzf', tarball, '-C', packed]);
  const root = join(packed, 'package');
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
  const manifest = JSON.parse(read('package.json')) as {
    bin: Record<string, string>;
    exports: Record<string, string | Record<string, string>>;
    dependencies: Record<string, string>;
    optionalDependencies: Record<string, string>;
  };
  const exported = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  const promised = [...Object.values(manifest.bin), ...exported].map((path) => path.replace(/^\.\//, ''));
  assert.deepEqual(
    promised.filter((path) => !files.includes(path)),
    [],
    'the package has every file that its manifest names',
  );
  const [code, rest] = [true, false].map((isCode) =>
    files.filter((path) => path.startsWith('dist/') === isCode),
  );
  assert.deepEqual(rest, ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'], 'what a reader expects');
  assert.deepEqual(
    code?.filter((path) => !/\.(?:js|d\.ts|json)$/.test(path)),
    [],
    'nothing but the built code',
  );
  for (const path of Object.values(manifest.bin)) {
    assert.match(read(path), /^#!\/usr\/bin\/env node\n/);
    assert.equal(statSync(join(root, path)).mode & 0o111, 0o111, `${path} is a program`);
  }
  for (const path of files.filter((file) => file.endsWith('.js'))) {
    for (const { fileName: name } of ts.preProcessFile(read(path)).importedFiles) {
      if (name.startsWith('.') || isBuiltin(name)) continue;
      const [, dependency = ''] = /^((?:@[^/]+\/)?[^/]+)/.exec(name) ?? [];
      const isThere = dependency in manifest.dependencies || dependency in manifest.optionalDependencies;
      assert.ok(isThere, `${path} imports ${name}, and the package does not depend on it`);
    }
  }
}

/** The README's line for a server, run as it stands in a copy of the project; of the machine's own nothing is touched. */
function checkGlobalInstall(): void {
  const readme = readFileSync(join(project, 'README.md'), 'utf8');
  const [line] = /^npm pack && .*$/m.exec(readme) ?? [];
  assert.ok(line !== undefined, 'the README says how it is installed on a server');
  const copy = mkdtempSync(join(folder, 'copy-'));
  for (const name of readdirSync(project)) {
    if (name === 'node_modules') symlinkSync(join(project, name), join(copy, name));
    else if (!/^(?:\.git|\.tap|dist|test|media)$|\.tgz$/.test(name))
      cpSync(join(project, name), join(copy, name), { recursive: true });
  }
  const prefix = mkdtempSync(join(folder, 'global-'));
  const shell = `npm_config_prefix=${prefix} npm_config_audit=false npm_config_fund=false; export npm_config_prefix`;
  run('sh', ['-ec', `${shell} npm_config_audit npm_config_fund\n${line.replaceAll('sudo ', '')}`], copy);
  assert.equal(
    statSync(join(copy, 'dist', 'cli.js')).mode & 0o111,
    0o111,
    'npm run build makes a program of it',
  );
  assert.equal(run(join(prefix, 'bin', 'media-serve'), ['--version']).trim(), version);
}

/** The last in the line of a process's first children (Linux). */
function youngest(pid: number | undefined): number {
  assert.ok(pid !== undefined);
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return child ? youngest(Number(child)) : pid;
}

/** Whether the process was still there to be told. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
