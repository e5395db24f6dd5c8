// Where a package manager installs each package as a link into its store, as pnpm does, a package finds its own
// packages beside its real path and nowhere else. Node 20 and 22 mistake a link for a real path after a look at a
// pipe or a socket (realpathSync reads the buffer that the last fstatSync or lstatSync left).
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { kernelSend } from '../../src/stores/disk/kernel-send.js';
import { spawnChild } from '../support/child.js';
import { NODE, NODE_ARGUMENTS } from '../support/node.js';
import { get, rawRequest } from '../support/raw.js';
import { CLI } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { until } from '../support/until.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const { dependencies, optionalDependencies } = JSON.parse(
  readFileSync(join(PROJECT, 'package.json'), 'utf8'),
) as { dependencies: Record<string, string>; optionalDependencies: Record<string, string> };

interface Installed {
  readonly folder: string;
  /** Starts the command with its output in a pipe, on a unix socket in the folder. */
  start(args: readonly string[]): Promise<ChildProcess>;
}

/** The built code with a link for each package that it depends on, and nothing of the project's above it. */
function install(t: Test): Installed {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'media-serve-linked-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(dirname(CLI), join(folder, 'dist'), { recursive: true });
  cpSync(join(PROJECT, 'package.json'), join(folder, 'package.json'));
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(realpathSync(join(PROJECT, 'node_modules', name)), link);
  }
  const path = join(folder, 'media.sock');
  return {
    folder,
    async start(args) {
      const command = [join(folder, 'dist/cli.js'), '--root', folder, '--listen', `unix:${path}`, ...args];
      const child = spawnChild(NODE, [...NODE_ARGUMENTS, ...command], {
        env: { PATH: process.env['PATH'] ?? '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      t.teardown(async () => {
        child.kill('SIGKILL');
        await exited;
      });
      child.stdout.resume();
      const isAnswered = async (): Promise<boolean> => {
        if (child.exitCode !== null) throw new Error(`media-serve exited with ${child.exitCode}`);
        return rawRequest({ path }, get('/media/package.json')).then(
          ({ status }) => status === 200,
          () => false,
        );
      };
      await until(isAnswered, 'the server answers');
      return child;
    },
  };
}

t.test('each form of the log starts with its output in a pipe', async (t) => {
  for (const format of ['json', 'pretty']) {
    const { start } = install(t);
    await t.resolves(start(['--log-format', format]), format);
  }
});

const skip =
  process.platform === 'linux'
    ? skipUnless(kernelSend() !== undefined, 'koffi is not installed')
    : 'only Linux has it';

t.test('koffi is found after a look at a socket file that a killed process left', { skip }, async (t) => {
  const { folder, start } = install(t);
  await leaveSocket(join(folder, 'media.sock'));
  const { pid } = await start([]);
  t.match(readFileSync(`/proc/${pid}/maps`, 'latin1'), /koffi/);
});

/** As a process that was killed does. */
async function leaveSocket(path: string): Promise<void> {
  const server = createServer();
  await once(server.listen(`${path}.moved`), 'listening');
  // Node removes the file of the name that it was given.
  renameSync(`${path}.moved`, path);
  await new Promise((resolve) => server.close(resolve));
}
