/**
 * The project's own tests on the other versions of Node: the oldest that package.json allows, and the newest of each
 * line that is supported. npm has their binaries. What is said here of one version must hold on all of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT, run, withOutput } from './processes.js';
import { type Suite, sum } from './suite.js';
import { runTests } from './tap-run.js';

const LINES = ['22', '24', '26'];

/**
 * What `npm test` has shown on the running Node already and no other version of Node can change: pages in a browser,
 * the image, the package.
 */
const ONCE_IS_ENOUGH = ['browser', 'docker', 'package'];

/**
 * Node's own parser is the judge in these: the running Node keeps that part, and the version that is asked for runs the
 * server. llhttp 8 of the oldest version accepts what no RFC allows.
 */
const JUDGED_BY_NODE = [
  'test/http1/answers.test.ts',
  'test/http1/request-head.test.ts',
  'test/http1/streams.test.ts',
];

const INSTALL_MINUTES = 5;

/** @param files the tests to run; without any, all that meet Node */
export function nodeVersionSuites(folder: string, files: readonly string[]): readonly Suite[] {
  const tests = files.length > 0 ? files : testsThatMeetNode();
  return [oldestAllowed(), ...LINES].map((wanted) => ({
    id: `node-${wanted}`,
    async run() {
      const node = await install(folder, wanted);
      const version = await versionOf(folder, node);
      if (version === process.version) {
        const leftOut = 'the running Node, on which npm test runs';
        return { title: `Node ${version.slice(1)}`, passed: 0, failed: 0, skipped: 0, details: [], leftOut };
      }
      const title = `Node ${version.slice(1)}`;
      const isJudged = (path: string): boolean => JUDGED_BY_NODE.includes(path);
      const log = join(folder, version);
      const results = [
        await runTests(title, `${log}.tap`, { tests: tests.filter((path) => !isJudged(path)), node }),
        await runTests(title, `${log}-judged.tap`, { tests: tests.filter(isJudged), server: node }),
      ];
      return { title, ...sum(results), details: results.flatMap(({ details }) => details) };
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

function testsThatMeetNode(): string[] {
  return readdirSync(join(PROJECT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts') && !ONCE_IS_ENOUGH.includes(path.split('/')[0] ?? ''))
    .map((path) => `test/${path}`)
    .sort();
}

/** Resolves with the path of the binary. */
async function install(folder: string, wanted: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const prefix = join(folder, wanted);
  const options = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', prefix];
  const log = join(folder, `install-${wanted}.log`);
  const status = await withOutput(log, (stdout) =>
    run('npm', ['install', ...options, `${name}@${wanted}`], { stdout, minutes: INSTALL_MINUTES }),
  );
  if (status !== 0) throw new Error(`npm could not install ${name}@${wanted}`);
  return join(prefix, 'node_modules', name, 'bin', 'node');
}

/** As the binary itself says it, such as v24.21.0. */
async function versionOf(folder: string, node: string): Promise<string> {
  const path = join(folder, 'version');
  await withOutput(path, (stdout) => run(node, ['--version'], { stdout, minutes: 1 }));
  return readFileSync(path, 'utf8').trim();
}
