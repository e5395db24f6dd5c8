// For `npx tap test/….test.ts`: Node gets the test compiled. The runner of all tests (run.ts) compiles them beforehand.
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { build } from 'esbuild';
import { BUNDLED } from './bundle.js';

if (isMainThread) register(import.meta.url);

/** @type {import('node:module').LoadHook} */
export async function load(url, context, next) {
  if (!/^file:.*\.test\.ts$/.test(url)) return next(url, context);
  const { outputFiles } = await build({
    ...BUNDLED,
    entryPoints: [new URL(url).pathname],
    write: false,
    sourcemap: 'inline',
  });
  return { format: 'module', source: outputFiles[0]?.text ?? '', shortCircuit: true };
}
