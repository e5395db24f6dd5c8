// Names that are never served: dotfiles (.env, .git, .htpasswd, editors' leftovers), at any depth.
// `.well-known` is the exception, since it is made to be seen (RFC 8615).

const HIDDEN = /(?:^|\/)\.(?!well-known(?:\/|$))/;

/** True when a segment of this relative path begins with a dot. */
export function isDotfile(path: string): boolean {
  return HIDDEN.test(path);
}
