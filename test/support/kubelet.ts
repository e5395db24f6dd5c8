/**
 * A ConfigMap or Secret volume as the kubelet writes it (pkg/volume/util/atomic_writer.go): the files in a directory of their
 * version, a link ..data to it, and a link for each name of the top level.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Writes a version of a volume and makes it the current one, in the kubelet's order; the one before is removed.
 * @param version such as `..2026_11_29_03_30_00.123456789`
 * @param files contents by path
 */
export function writeVolume(
  directory: string,
  version: string,
  files: Readonly<Record<string, string>>,
): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(directory, version, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const data = join(directory, '..data');
  const before = lstatSync(data, { throwIfNoEntry: false }) === undefined ? undefined : readlinkSync(data);
  symlinkSync(version, `${data}_tmp`);
  renameSync(`${data}_tmp`, data);
  const names = new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''));
  for (const name of names) {
    if (lstatSync(join(directory, name), { throwIfNoEntry: false }) === undefined)
      symlinkSync(`..data/${name}`, join(directory, name));
  }
  if (before === undefined) return;
  for (const name of readdirSync(join(directory, before))) {
    if (!names.has(name)) rmSync(join(directory, name));
  }
  rmSync(join(directory, before), { recursive: true });
}
