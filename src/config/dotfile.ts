// Names that begin with a dot, and which of them nobody may let out.

/** One whole name, with its dot; no pattern. */
export const DOTFILE = /^\.[^./*][^/*]*$/;

/** What holds passwords, keys or all of a project's source, and whatever is called by it and more. */
const SECRET = /^\.(?:env|git|hg|svn|bzr|ht|ssh|aws|kube|docker|gnupg|netrc|pgpass|npmrc|pypirc)/i;

/** True for what is never served. */
export function isSecret(name: string): boolean {
  return SECRET.test(name);
}
