/**
 * Compiles everything that a run needs, once, with esbuild: `src` to `dist`, as `npm run build` does without the types,
 * and the tests to modules that start without a loader.
 */
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { BUNDLED, MODULES, PROJECT, TESTS_OF_A_FILE } from './bundle.js';

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
    plugins: [...BUNDLED.plugins, TESTS_OF_A_FILE],
    entryPoints: [...paths],
    outbase: '.',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    // What several import is compiled once.
    splitting: true,
    sourcemap: true,
    metafile: true,
  });
  return paths.map((path) => ({
    path,
    compiled: join(folder, path.replace(/\.ts$/, '.mjs')),
    isUnit: !reaches(path, STARTERS, metafile),
    sharesProcess: !ALONE.some((pattern) => pattern.test(path)),
  }));
}

/** What starts other programs: Node's own way, and the package that starts the browser. */
const STARTERS = /^(?:node:child_process|playwright-core)$/;
/** What these do to their process, or measure of it, others would feel; or they take long enough by themselves. */
const ALONE: readonly RegExp[] = [
  /^test\/(?:browser|docker|e2e|run)\//,
  /^test\/http\/linear\./,
  /^test\/http1\/(?:answers|lifetimes|memory|resets|streams|tunnel|turn)\b/,
  /^test\/nginx\/side-by-side\./,
  /^test\/stores\/disk\/(?:cut|disk-store|kernel-send)\./,
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

/** By path relative to the project, with slashes. */
function filesBelow(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort();
}
