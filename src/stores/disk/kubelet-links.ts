// Volumes that Kubernetes fills: ConfigMap, Secret, projected, downward API, and the CSI driver for secrets. Their files lie
// in a directory of their version, and two links make each of them visible (kubelet, AtomicWriter):
//
//   robots.txt → ..data/robots.txt
//   ..data → ..2026_11_29_03_30_00.123456789
//
// A new version is another directory, to which ..data is turned in one rename. So the real path has a name that begins with
// a dot, which no visitor may see under other circumstances.
import { readlinkSync } from 'node:fs';
import type { BytePath } from '../../http/target.js';
import { toSystemPath } from './names.js';

const CURRENT = '..data';

/** The directory of a version, named by its time. */
const VERSION = /^\.\.\d{4}_[\d_.]*\d$/;

/** What every path of such a file has in it. */
const MAY_BE_ONE = /(?:^|\/)\.\.\d/;

/**
 * The path by which the kubelet makes a file visible; the path itself for all others.
 *
 * It is not asked which version is the current one: it may be another by now, and what has been opened is still whole.
 * @param root real path of a directory, with its separator
 * @param path real, relative to it
 */
export function publishedPath(root: BytePath, path: BytePath): BytePath {
  if (!MAY_BE_ONE.test(path)) return path;
  const published: string[] = [];
  const segments = path.split('/');
  segments.forEach((segment, index) => {
    const directory = root + segments.slice(0, index).map(withSlash).join('');
    if (!isPublished(directory, segment, segments[index + 1])) published.push(segment);
  });
  return published.join('/');
}

const withSlash = (segment: string): string => `${segment}/`;

/** Whether both links are there that make what has this name in a version visible in the directory. */
function isPublished(directory: BytePath, version: string, name: string | undefined): boolean {
  return (
    name !== undefined &&
    VERSION.test(version) &&
    VERSION.test(targetOf(directory + CURRENT)) &&
    targetOf(directory + name) === `${CURRENT}/${name}`
  );
}

/** What a link says; empty for what is none. */
function targetOf(name: BytePath): BytePath {
  try {
    return readlinkSync(toSystemPath(name), 'latin1');
  } catch {
    return '';
  }
}
