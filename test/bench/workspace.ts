/**
 * The benchmark's one temporary folder and the files that every server serves. Folder and child processes go
 * away when this process does, by whatever way: done, failed, Ctrl-C.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killAll } from './proc.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** How many 20 KB files the random case chooses from. */
export const RANDOM_FILES = 5000;

export interface Workspace {
  readonly path: string;
  /** What is served under `/media/`. */
  readonly media: string;
  /** What only X-Accel-Redirect can reach, under `/protected/`. */
  readonly protectedFiles: string;
  /** What the stub serves as downloads. */
  readonly downloads: string;
  /** The served bytes, by their path below `media`, to compare answers with. */
  readonly files: {
    readonly f4k: Buffer;
    readonly f64k: Buffer;
    readonly f20k: Buffer;
    readonly large: Buffer;
  };
  readonly download: Buffer;
  /** A new empty folder inside. */
  folder(name: string): string;
}

/** Creates the folder with all files in it, and sees to its removal. */
export function createWorkspace(): Workspace {
  const path = mkdtempSync(join(tmpdir(), 'media-serve-bench-'));
  process.on('exit', () => {
    killAll();
    rmSync(path, { recursive: true, force: true });
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }

  // nginx's worker runs as another user when the benchmark runs as root.
  chmodSync(path, 0o755);
  let folders = 0;
  const folder = (name: string): string => {
    folders += 1;
    const created = join(path, `${name}-${folders}`);
    mkdirSync(created);
    return created;
  };
  const media = folder('media');
  const protectedFiles = folder('protected');
  const downloads = folder('downloads');
  const files = {
    f4k: randomBytes(4 * KiB),
    f64k: randomBytes(64 * KiB),
    f20k: randomBytes(20 * 1000),
    large: randomBytes(100 * MiB),
  };
  const download = files.large.subarray(0, 10 * MiB);
  write(join(media, 'f4k.jpg'), files.f4k);
  write(join(media, 'f64k.jpg'), files.f64k);
  write(join(media, 'large.mp4'), files.large);
  mkdirSync(join(media, 'random'));
  for (let index = 0; index < RANDOM_FILES; index++) write(join(media, 'random', `${index}.jpg`), files.f20k);
  write(join(protectedFiles, 'f4k.jpg'), files.f4k);
  write(join(downloads, 'f10m.bin'), download);
  return { path, media, protectedFiles, downloads, files, download, folder };
}

/** Dated a day back: a file that has only just changed may be treated differently by a server (weak ETag). */
function write(path: string, bytes: Buffer): void {
  writeFileSync(path, bytes, { mode: 0o644 });
  const yesterday = Date.now() / 1000 - 86_400;
  utimesSync(path, yesterday, yesterday);
}
