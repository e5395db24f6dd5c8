/**
 * Compiles everything that a run needs, once, with esbuild: `src` to `dist`, as `npm run build` does without the types,
 * and the tests to modules that start without a loader.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { BUNDLED, MODULES, PROJECT } from './bundle.js';

/** A compiled test. */
export interface TestFile {
  /** Relative to the project, such as `test/http/date.test.ts`. */
  readonly path: string;
  /** The module to run. */
  readonly compiled: string;
  /** True when it starts no other program. */
  readonly isUnit: boolean;
  /** True when others can run in the same process, one after the other: it changes and measures nothing that is theirs. */
  readonly sharesProcess: boolean;
}

/** All tests, by path. */
export function allTests(): string[] {
  return filesBelow('test').filter((path) => path.endsWith('.test.ts'));
}

/** Compiles `src` to `dist`. */
export async function compileSource(): Promise<void> {
  await build({
    ...MODULES,
    entryPoints: filesBelow('src').filter((path) => path.endsWith('.ts')),
    outbase: 'src',
    outdir: 'dist',
  });
}

/** Compiles these tests into the folder. */
export async function compileTests(paths: readonly string[], folder: string): Promise<TestFile[]> {
  const { metafile } = await build({
    ...BUNDLED,
    entryPoints: [...paths],
    outbase: '.',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    // What several import is compiled once.
    splitting: true,
    sourcemap: true,
    metafile: true,
  });
  return paths.map((path) => {
    const isUnit = !reaches(path, STARTERS, metafile);
    return {
      path,
      compiled: join(folder, path.replace(/\.ts$/, '.mjs')),
      isUnit,
      sharesProcess:
        isUnit && !ALONE.includes(path) && !reaches(path, SERVER, metafile) && !makesDirectoryFirst(path),
    };
  });
}

/** What starts other programs: Node's own way, and the package that starts the browser. */
const STARTERS = /^(?:node:child_process|playwright-core)$/;
/** A whole server in the test's own process. */
const SERVER = /^test\/support\/here\.ts$/;
/** What these do to their process, or measure of it, others would feel. */
const ALONE = [
  'test/http/linear.test.ts',
  'test/http1/turn.test.ts',
  'test/stores/cut.test.ts',
  'test/stores/disk.test.ts',
  'test/stores/kernel-send.test.ts',
];

/** Whether a test imports such a module, by whatever way. */
function reaches(path: string, wanted: RegExp, { inputs }: Metafile): boolean {
  const seen = new Set<string>();
  const reachesFrom = (input: string): boolean => {
    if (seen.has(input)) return false;
    seen.add(input);
    return (inputs[input]?.imports ?? []).some((each) => wanted.test(each.path) || reachesFrom(each.path));
  };
  return reachesFrom(path);
}

/** tap has one directory for all that is asked for outside of a test, and empties it each time. */
function makesDirectoryFirst(path: string): boolean {
  return /^\S.*\bt\.testdir\(/m.test(readFileSync(join(PROJECT, path), 'utf8'));
}

/** By path relative to the project, with slashes. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort();
}
