/** A run whose test never ends, for the test that kills it. Prints its folders. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUNDLED } from './bundle.js';
import { endWithSignals } from './processes.js';
import { runTests } from './run-tests.js';
import { openWorkplace } from './workplace.js';

endWithSignals();
const workplace = openWorkplace();
const compiled = join(workplace.folder, 'endless.mjs');
// A child as tests have them, one that has left its parent, and one that hears no signal.
const code = `
  import { spawn } from 'node:child_process';
  import { spawnChild } from './test/support/child.js';
  spawnChild('sleep', ['300'], { stdio: 'ignore' });
  spawnChild('sh', ['-c', 'trap "" TERM; sleep 301; sleep 302'], { stdio: 'ignore' });
  spawn('sleep', ['303'], { detached: true, stdio: 'ignore' }).unref();
  setInterval(() => {}, 1000);`;
await build({
  ...BUNDLED,
  stdin: { contents: code, resolveDir: BUNDLED.absWorkingDir ?? '.', loader: 'ts' },
  outfile: compiled,
});
writeFileSync(1, `${workplace.folder}\n${workplace.env['TMPDIR']}\n`);
await runTests('endless', [{ path: 'endless', compiled, isUnit: false, sharesProcess: false }], workplace);
