/**
 * AWS's package that finds credentials, which users install beside media-serve when they need it: installed on first use, kept
 * for the next, and put beside a copy of the built program. This project itself is without it.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { cacheDirectory, exists, withLock } from '../../docker/demo-python.js';
import { CLI } from './server.js';

const VERSION = '3.1175.0';
const PACKAGE = `@aws-sdk/credential-providers@${VERSION}`;
/** Milliseconds: it takes seconds. */
const INSTALL_TIME = 300_000;
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Resolves with the folder that has the package and all it needs.
 * @param report is told what takes long, a line at a time
 * @throws Error when npm cannot install it
 */
export async function findCredentialProviders(report: (line: string) => void): Promise<string> {
  const folder = join(await cacheDirectory(), `credential-providers-${VERSION}`);
  await withLock(`${folder}.lock`, undefined, async () => {
    if (await exists(folder)) return;
    report(`Installing ${PACKAGE} (once) …`);
    const unfinished = `${folder}.${process.pid}`;
    await mkdir(unfinished, { recursive: true });
    try {
      const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', unfinished];
      await promisify(execFile)('npm', ['install', ...options, PACKAGE], { timeout: INSTALL_TIME });
      await rename(unfinished, folder);
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  });
  return join(folder, 'node_modules');
}

/** Puts a copy of the program beside the package, as npm does. Returns its path; it is removed when the test ends. */
export async function programWithProviders(t: Test): Promise<string> {
  const packages = await findCredentialProviders((line) => t.comment(line));
  const folder = await mkdtemp(join(tmpdir(), 'media-serve-beside-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const program = join(folder, 'media-serve');
  await symlink(packages, join(folder, 'node_modules'));
  await cp(dirname(CLI), join(program, 'dist'), { recursive: true });
  await cp(join(PROJECT, 'package.json'), join(program, 'package.json'));
  await symlink(join(PROJECT, 'node_modules'), join(program, 'node_modules'));
  return join(program, 'dist', 'cli.js');
}
