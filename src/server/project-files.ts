// Files of a project among those that are served: a root is easily written one directory too high.
import { opendirSync } from 'node:fs';

/** What lies at the top of a Django project. */
const OF_A_PROJECT =
  /^(?:manage\.py|(?:local_)?settings\.py|[aw]sgi\.py|pyproject\.toml|(?:dev|db|data|database|app|site)\.db|\.git|\.env(?:\..*)?)$|\.sqlite3?$/;

/** So many names are looked at: a project has fewer, and uploads may be millions. */
const NAMES_SEEN = 10_000;

/** So many are told. */
const NAMES_TOLD = 10;

/** The names, sorted; none where the directory is not there yet, or its names may not be read. */
export function projectFilesIn(root: string): string[] {
  const found: string[] = [];
  try {
    const directory = opendirSync(root, { bufferSize: 1000 });
    try {
      for (let seen = 0; seen < NAMES_SEEN && found.length < NAMES_TOLD; seen++) {
        const entry = directory.readSync();
        if (entry === null) break;
        if (OF_A_PROJECT.test(entry.name)) found.push(entry.name);
      }
    } finally {
      directory.closeSync();
    }
  } catch {
    // As promised.
  }
  return found.sort();
}
