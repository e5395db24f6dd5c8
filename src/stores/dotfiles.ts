// Names that are not served: dotfiles (.env, .git, .htpasswd, editors' leftovers), at any depth. Exceptions are names that are
// made to be seen, and those that the operator names.
import { type BytePath, toBytePath, toText } from '../http/target.js';
import { publishedPath } from './disk/kubelet-links.js';

/**
 * `.well-known` is a place for what everybody is to find (RFC 8615). `.thumbnails` is where filebrowser and Mezzanine put
 * smaller versions of uploads, to be shown beside them: whoever may see the one may see the other, and nothing that is secret
 * has ever been kept by that name. `.cache` and `.versions` mean other things elsewhere, so they are not here.
 */
const MADE_TO_BE_SEEN = ['.well-known', '.thumbnails'];

/** Which paths are served. */
export interface DotfileRule {
  /** The name for which this relative path is not served; undefined when it is. */
  hiddenName(path: BytePath): string | undefined;
  /**
   * The same rule for the path that a file really has in a root, whichever name led there. A file that a Kubernetes volume
   * makes visible has the name that it is visible by.
   * @param realPath relative to the root, as bytes
   * @param realRoot with its separator, as bytes
   */
  isHidden(realPath: BytePath, realRoot: BytePath): boolean;
}

/** @param shown names that are served besides, each with its dot */
export function dotfileRule(shown: readonly string[] = []): DotfileRule {
  const names = [...MADE_TO_BE_SEEN, ...shown].map((name) => escaped(toBytePath(name)));
  const hidden = new RegExp(`(?:^|/)(?!(?:${names.join('|')})(?:/|$))(\\.[^/]*)`);
  return {
    hiddenName(path) {
      const name = hidden.exec(path)?.[1];
      return name === undefined ? undefined : toText(name);
    },
    isHidden: (realPath, realRoot) => hidden.test(realPath) && hidden.test(publishedPath(realRoot, realPath)),
  };
}

function escaped(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|-]/g, '\\$&');
}
