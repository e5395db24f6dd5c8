// Names that are never served: dotfiles (.env, .git, .htpasswd, editors' leftovers), at any depth.
// `.well-known` is the exception, since it is made to be seen (RFC 8615).

import type { BytePath } from '../http/target.js';
import { publishedPath } from '../stores/kubelet-links.js';

const HIDDEN = /(?:^|\/)\.(?!well-known(?:\/|$))/;

/** True when a segment of this relative path begins with a dot. */
export function isDotfile(path: string): boolean {
  return HIDDEN.test(path);
}

/**
 * The same rule for the path that a file really has in a root, whichever name led there. A file that a Kubernetes volume
 * makes visible has the name that it is visible by.
 * @param realPath relative to the root, as bytes
 * @param realRoot with its separator, as bytes
 */
export function isHidden(realPath: BytePath, realRoot: BytePath): boolean {
  return isDotfile(realPath) && isDotfile(publishedPath(realRoot, realPath));
}
