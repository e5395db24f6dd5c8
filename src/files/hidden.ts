// Names that are never served: dotfiles (.env, .git, .htpasswd, editors' leftovers), at any depth.

/** True when a segment of this relative path begins with a dot. */
export function isHidden(path: string): boolean {
  return path.startsWith('.') || path.includes('/.');
}
