/**
 * Connections by unix sockets, for what happens when the other side reads slowly: their buffers are small and do not grow,
 * as those of TCP do, so that a few hundred kilobytes fill them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** More than two connections take in behind each other while nobody reads, in bytes: some 200 KB each, on Linux. */
export const MORE_THAN_UNIX_BUFFERS = 4 * 1024 * 1024;

/** A directory for sockets, whose paths must be short, so not `t.testdir`; removed when the test ends. */
export function socketDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
