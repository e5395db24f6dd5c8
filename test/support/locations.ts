/** Starts media-serve with a config file, for options that only a location in the file can have. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type ServerHere, startHere } from './here.js';
import { type RunningServer, startServer } from './server.js';

/** @param locations as they stand in the file; roots are absolute */
export async function startLocations(
  t: Test,
  locations: readonly Readonly<Record<string, unknown>>[],
  args: readonly string[] = [],
  options: Parameters<typeof startServer>[2] = {},
): Promise<RunningServer> {
  return startServer(t, ['--config', await writeConfig(t, locations), ...args], options);
}

/** The same in the test's own process. */
export async function startLocationsHere(
  t: Test,
  locations: readonly Readonly<Record<string, unknown>>[],
  args: readonly string[] = [],
): Promise<ServerHere> {
  return startHere(t, ['--config', await writeConfig(t, locations), ...args]);
}

async function writeConfig(
  t: Test,
  locations: readonly Readonly<Record<string, unknown>>[],
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-config-'));
  // For a server that runs as another user.
  await chmod(directory, 0o755);
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'media-serve.json');
  await writeFile(path, JSON.stringify({ locations }));
  return path;
}
