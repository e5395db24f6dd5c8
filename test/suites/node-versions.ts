/**
 * The project's own tests on the other versions of Node: the oldest that package.json allows, and the newest of each
 * line that is supported. npm has their binaries. What is said here of one version must hold on all of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from '../run/bundle.js';
import type { TestFile } from '../run/compile.js';
import { run } from '../run/processes.js';
import { sum } from '../run/result.js';
import { runTests } from '../run/run-tests.js';
import type { Workplace } from '../run/workplace.js';
import type { Suite } from './suite.js';

const LINES = ['22', '24', '26'];

/**
 * What `npm test` has shown on the running Node already and no other version of Node can change: pages in a browser, the
 * image, the package, the runner of the tests.
 */
const ONCE_IS_ENOUGH = /^test\/(?:browser|docker|package|run)\//;

/** Where versions of Node have differed, or may: sockets, streams, files, signals, the command line. */
const MEETS_NODE = /^test\/(?:http1\/|server\/|stores\/|signals\.|cli\.)/;

/**
 * Node's own parser is the judge in these: the running Node keeps that part, and the version that is asked for runs the
 * server. llhttp 8 of the oldest version accepts what no RFC allows.
 */
const JUDGED_BY_NODE = /^test\/http1\/(?:answers|request-head|streams)\.test\.ts$/;

const INSTALL_SECONDS = 300;

export interface VersionOptions {
  /** All tests on all versions, or those that may meet a difference, on the oldest and on the newest. */
  readonly extent: 'all' | 'short';
  /** Added to the tests' environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly again?: number;
}

export function nodeVersionSuites(
  tests: readonly TestFile[],
  workplace: Workplace,
  { extent, env = {}, again = 0 }: VersionOptions,
): readonly Suite[] {
  const chosen = tests.filter(({ path }) =>
    extent === 'all' ? !ONCE_IS_ENOUGH.test(path) : MEETS_NODE.test(path),
  );
  const versions = [oldestAllowed(), ...(extent === 'all' ? LINES : LINES.slice(-1))];
  return versions.map((wanted) => ({
    id: `node-${wanted}`,
    async run() {
      const node = await install(workplace.folder, wanted);
      const version = await versionOf(node);
      const title = `Node ${version.slice(1)}`;
      if (version === process.version) {
        const leftOut = 'the running Node, on which npm test runs';
        return { title, passed: 0, failed: 0, skipped: 0, details: [], byChance: [], leftOut };
      }
      const isJudged = ({ path }: TestFile): boolean => JUDGED_BY_NODE.test(path);
      const options = { env, again };
      const results = [
        await runTests(
          title,
          chosen.filter((test) => !isJudged(test)),
          workplace,
          { ...options, node },
        ),
        await runTests(title, chosen.filter(isJudged), workplace, { ...options, server: node }),
      ];
      return {
        title,
        ...sum(results),
        details: results.flatMap(({ details }) => details),
        byChance: results.flatMap(({ byChance }) => byChance),
      };
    },
  }));
}

/** `>=20.19` → 20.19.0 */
function oldestAllowed(): string {
  const { engines } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  const [, release] = /^>=(\d+\.\d+)$/.exec(engines.node) ?? [];
  if (release === undefined) throw new Error(`engines.node is "${engines.node}": expected >=MAJOR.MINOR`);
  return `${release}.0`;
}

/** Resolves with the path of the binary. */
async function install(folder: string, wanted: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(folder, `node-${wanted}`);
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', prefix];
  const { code, errors } = await run('npm', ['install', ...options, `${name}@${wanted}`], {
    seconds: INSTALL_SECONDS,
  });
  if (code !== 0) throw new Error(`npm could not install ${name}@${wanted}: ${errors}`);
  return join(prefix, 'node_modules', name, 'bin', 'node');
}

/** As the binary itself says it, such as v24.21.0. */
async function versionOf(node: string): Promise<string> {
  const { output } = await run(node, ['--version'], { seconds: 60 });
  return output.trim();
}
