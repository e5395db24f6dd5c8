// The unit for systemd: read by systemd itself, and its settings by the server.
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CLI, startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { drain, textOf } from './manifests.js';

const unit = textOf('media-serve.service');
const skip = skipUnless(
  spawnSync('systemd-analyze', ['--version']).status === 0,
  'there is no systemd-analyze here (Debian: apt install systemd)',
);

/** All values of a setting. */
function valuesOf(name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value);
}

/** A file of the unit as it is installed, with the command where it is here. */
function installed(t: Test, text = unit): string {
  const path = join(t.testdir({}), 'media-serve.service');
  writeFileSync(path, text.replace('ExecStart=media-serve', `ExecStart=${CLI}`));
  return path;
}

t.test('systemd finds nothing wrong with the unit', { skip }, async (t) => {
  // What it says of other units is the machine's.
  const verify = (path: string) => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
    return { status, said: stderr.split('\n').filter((line) => line.includes('media-serve.service')) };
  };
  t.same(verify(installed(t)), { status: 0, said: [] });
  const misspelt = verify(installed(t, unit.replace('ProtectHome=', 'ProtectHouse=')));
  t.match(misspelt.said, [/ProtectHouse/], 'which it would say');
});

t.test('systemd calls it well protected', { skip }, async (t) => {
  const args = ['security', '--offline=yes', '--threshold=20', installed(t)];
  t.doesNotThrow(
    () => execFileSync('systemd-analyze', args, { stdio: 'ignore' }),
    'an exposure of 2.0 of 10 at most',
  );
  t.same(valuesOf('MemoryDenyWriteExecute'), [], 'Node compiles while it runs');
});

t.test('the command is looked up where npm puts it, and is a program', async (t) => {
  t.same(valuesOf('ExecStart'), ['media-serve']);
  t.match(execFileSync(CLI, ['--version'], { encoding: 'utf8' }), /^\d+\.\d+\.\d+\n$/);
});

t.test('the settings that it shows start a server', async (t) => {
  const folder = t.testdir({ srv: { site: { media: {}, staticfiles: {} } } });
  const lines = [...unit.matchAll(/^# {7}([A-Z_]+)=(\S+)$/gm)].map(([, name = '', value = '']) => [
    name,
    value,
  ]);
  t.ok(lines.length >= 4);
  const own = valuesOf('Environment').map((line) => line.split('='));
  const env = Object.fromEntries([...lines, ...own]) as Record<string, string>;
  t.equal(env['MEDIA_SERVE_LISTEN'], ':80');
  const { log } = await startServer(t, [], {
    env: Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value.replace(/^\/srv/, `${folder}/srv`)]),
    ),
  });
  const line = log.find(({ msg }) => msg === 'listening');
  t.match(line?.['locations'], [/^\/static\/ → .*\/staticfiles /, /^\/media\/ → .*\/media /, /^\/ → unix:/]);
});

t.test('it is stopped before the app, and not before it has drained', async (t) => {
  t.ok(valuesOf('After').includes('gunicorn.service'));
  t.ok(Number(valuesOf('TimeoutStopSec')[0]) > drain);
});
