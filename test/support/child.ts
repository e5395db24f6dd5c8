/** Child processes that do not outlive the test, by whatever way it ends. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const children = new Set<ChildProcess>();
/** A test that throws where nobody catches it ends without its teardown. */
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Linux alone tells a process that its parent was killed. */
const setpriv = process.platform === 'linux' ? find('setpriv') : undefined;

/** A command that gets the signal when the process that starts it is gone, where the system can do that. */
export function withParent(
  signal: 'TERM' | 'KILL',
  command: string,
  args: readonly string[],
): [command: string, args: string[]] {
  if (setpriv === undefined) return [command, [...args]];
  return [setpriv, ['--pdeathsig', signal, '--', command, ...args]];
}

/** As Node's `spawn`, with arguments and options; when this process is gone, the child is told to end. */
export const spawnChild = ((command: string, args: readonly string[], options: SpawnOptions) => {
  const child = spawn(...withParent('TERM', command, args), { ...options, env: markedEnv(options.env) });
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}) as typeof spawn;

/** What marks the processes of a run (test/run) is passed on, also where a child gets few variables. */
export const RUN_MARK = 'TEST_RUN_FOLDER';

function markedEnv(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const run = process.env[RUN_MARK];
  return run === undefined ? env : { ...env, [RUN_MARK]: run };
}

function find(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // It may be in the next one.
    }
  }
  return undefined;
}
