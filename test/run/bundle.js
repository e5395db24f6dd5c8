// How a test is compiled: with all that it imports of this project, to one module that starts without a loader.
// JavaScript, since Node loads it to load what is TypeScript.
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of this project. */
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

const SOURCE = `${PROJECT}src/`;
const DIST = `${PROJECT}dist/`;

/** What runs several tests in one process, and is tap to each of them. */
export const TEST_FILE = new URL('./test-file.js', import.meta.url).href;

/**
 * A module finds what lies beside it, wherever it was compiled to: beside a test's source, and what belongs to the server, such
 * as the code of its threads, where all of it is compiled. @type {import('esbuild').Plugin}
 */
const sourceUrls = {
  name: 'source-urls',
  setup({ onLoad }) {
    onLoad({ filter: /\.[jt]s$/ }, async ({ path }) => {
      const compiled = path.startsWith(SOURCE)
        ? `${DIST}${path.slice(SOURCE.length)}`.replace(/\.ts$/, '.js')
        : path;
      const url = JSON.stringify(pathToFileURL(compiled).href);
      const contents = (await readFile(path, 'utf8')).replaceAll('import.meta.url', url);
      return { loader: path.endsWith('.ts') ? 'ts' : 'js', contents };
    });
  },
};

/** Of the tests and of the server alike. @satisfies {import('esbuild').BuildOptions} */
export const MODULES = /** @type {const} */ ({
  absWorkingDir: PROJECT,
  format: 'esm',
  platform: 'node',
  // The oldest Node that package.json allows.
  target: 'node20.19',
  logLevel: 'warning',
});

/** Instead of tap, a test gets what test-file.js makes of it, so that several can share a process. @type {import('esbuild').Plugin} */
export const TESTS_OF_A_FILE = {
  name: 'tests-of-a-file',
  setup({ onResolve }) {
    onResolve({ filter: /^tap$/ }, ({ importer }) =>
      importer.endsWith('.test.ts') ? { path: TEST_FILE, external: true } : undefined,
    );
  },
};

export const BUNDLED = /** @satisfies {import('esbuild').BuildOptions} */ ({
  ...MODULES,
  bundle: true,
  packages: 'external',
  plugins: [sourceUrls],
});
