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

/** As Node's `spawn`, with arguments and options; when this process is gone, the child is told to end. */
export const spawnChild = ((command: string, args: readonly string[], options: SpawnOptions) => {
  const child =
    setpriv === undefined
      ? spawn(command, args, options)
      : spawn(setpriv, ['--pdeathsig', 'TERM', '--', command, ...args], options);
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}) as typeof spawn;

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
