/**
 * A Python with the packages of docker/django/requirements.txt: a virtual environment, made on first use and kept
 * for the next. And a way to run a command to its end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The packages that a virtual environment is made of. */
export interface Requirements {
  /** What the environment is called. */
  readonly name: string;
  /** A requirements.txt. */
  readonly file: URL;
}

/** The sample project's. */
const DJANGO: Requirements = { name: 'django', file: new URL('./django/requirements.txt', import.meta.url) };

/** A Python that has the project's packages, or the reason why there is none here. */
export type Python = { readonly path: string } | { readonly missing: string };

/** Interpreters to try, best first, unless the environment variable PYTHON names one. Django 5.2 wants 3.10. */
const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

/**
 * Returns the virtual environment for requirements.txt, made on first use and kept in the user's cache directory
 * under a name that changes with requirements.txt and the Python version.
 *
 * @param report - is told what takes long, a line at a time.
 * @param signal - ends an installation that is under way; nothing of it stays.
 * @param requirements - the sample project's if there are none.
 */
export async function findPython(
  report: (line: string) => void,
  signal?: AbortSignal,
  { name, file }: Requirements = DJANGO,
): Promise<Python> {
  if (process.platform === 'win32') return { missing: 'gunicorn does not run on Windows' };
  const base = await findInterpreter();
  if (base === undefined) {
    return { missing: 'no Python 3.10 or later with venv and pip (Debian: apt install python3-venv)' };
  }
  const key = createHash('sha256')
    .update(base.version)
    .update(await readFile(file))
    .digest('hex');
  const directory = join(await cacheDirectory(), `${name}-${key.slice(0, 16)}`);
  const path = join(directory, 'bin', 'python');
  if (await exists(path)) return { path };

  report(`Installing the packages of ${fileURLToPath(file)} for Python ${base.version} (once) …`);
  try {
    await withLock(`${directory}.lock`, signal, async () => {
      if (await exists(path)) return;
      await makeEnvironment(base.command, directory, { file, signal });
    });
    return { path };
  } catch (error) {
    return { missing: `the packages of ${fileURLToPath(file)} could not be installed: ${lastLine(error)}` };
  }
}

async function findInterpreter(): Promise<{ command: string; version: string } | undefined> {
  const ask = 'import sys, venv, ensurepip; print("%d.%d.%d" % sys.version_info[:3])';
  const { PYTHON } = process.env;
  for (const command of PYTHON === undefined ? CANDIDATES : [PYTHON]) {
    try {
      const version = await run(command, ['-c', ask]);
      const [major = 0, minor = 0] = version.split('.').map(Number);
      if (major === 3 && minor >= 10) return { command, version };
    } catch {
      // Not installed, or installed without venv, as Debian does: try the next.
    }
  }
  return undefined;
}

/** A directory that is kept between runs: of the user, or else of the machine. */
export async function cacheDirectory(): Promise<string> {
  const cache =
    process.env['XDG_CACHE_HOME'] ??
    join(homedir(), ...(process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']));
  for (const parent of [cache, tmpdir()]) {
    try {
      return await makeDirectory(join(parent, 'media-serve'));
    } catch {
      // No home directory, or not ours to write to.
    }
  }
  throw new Error(`neither ${cache} nor ${tmpdir()} can be written to`);
}

async function makeDirectory(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  await access(path, constants.W_OK);
  return path;
}

/**
 * Makes the environment under another name and moves it when it is complete, so that whatever is found under
 * `directory` works. It may be moved because only `bin/python -m …` is used, never pip's scripts.
 */
async function makeEnvironment(
  python: string,
  directory: string,
  { file, signal }: { file: URL; signal: AbortSignal | undefined },
): Promise<void> {
  const unfinished = `${directory}.${process.pid}`;
  try {
    await run(python, ['-m', 'venv', unfinished], { signal });
    const pip = '-m pip install --quiet --no-input --disable-pip-version-check --retries 1'.split(' ');
    await run(join(unfinished, 'bin', 'python'), [...pip, '-r', fileURLToPath(file)], { signal });
    await rm(directory, { recursive: true, force: true });
    await rename(unfinished, directory);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Runs `work` in one process at a time. The lock file names its owner; that of a dead process does not count. */
export async function withLock(
  path: string,
  signal: AbortSignal | undefined,
  work: () => Promise<void>,
): Promise<void> {
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    // Unlike opening a new file, linking one makes it appear together with its content.
    while (!(await link(mine, path).then(() => true, isTaken))) {
      const owner = Number(await readFile(path, 'utf8').catch(() => '0'));
      if (owner > 0 && !isRunning(owner)) await rm(path, { force: true });
      else await delay(200, undefined, signal === undefined ? {} : { signal });
    }
  } finally {
    await rm(mine, { force: true });
  }
  try {
    await work();
  } finally {
    await rm(path, { force: true });
  }
}

function isTaken(error: NodeJS.ErrnoException): false {
  if (error.code === 'EEXIST') return false;
  throw error;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The line that says why: pip's last error, or else the last line. */
function lastLine(error: unknown): string {
  const lines = String(error instanceof Error ? error.message : error)
    .trim()
    .split('\n');
  return (lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? '').trim();
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** How long installing, the slowest of all commands, may take. */
const RUN_TIME = 300_000;

/**
 * Runs a command to its end and returns what it printed. It has a process group of its own, so that an abort
 * ends what it started, too.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const timeout = AbortSignal.timeout(RUN_TIME);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  signal.throwIfAborted();
  const child = spawn(command, args, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const abort = (): void => killGroup(child);
  signal.addEventListener('abort', abort);
  const [code] = (await once(child, 'close')) as [number | null];
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  if (code !== 0) throw new Error(errors.trim() || `${command} ended with ${code}`);
  return output.trim();
}

/** Kills the process and all that it started, as far as they are in its group. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing was left.
  }
}
