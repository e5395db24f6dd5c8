/** Reads what tap's `tap` reporter writes: how many passed, and what a reader must see of the others. */
import type { Counts } from './result.js';

/**
 * The totals of tap's last summary, such as `# { total: 12, pass: 10, fail: 1, skip: 1 }`; what is zero is not in it.
 * What is still to be written counts as skipped. Undefined when tap did not come to its summary.
 */
export function countsOf(output: string): Counts | undefined {
  const summary = [...output.matchAll(/^# \{ total: \d+.*\}$/gm)].at(-1)?.[0];
  if (summary === undefined) return undefined;
  const count = (key: string): number => Number(new RegExp(`[{ ]${key}: (\\d+)`).exec(summary)?.[1] ?? 0);
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') };
}

/** How the run can be done again, by tests that make their own inputs: `STREAMS_SEED=1 STREAMS=4000`. */
export function seedsOf(output: string): string[] {
  return [...output.matchAll(/^ *# ([A-Z_]+_SEED=\S.*)$/gm)].map(([, told = '']) => told);
}

/** The rows of tables that tests print: `| open | 0.01 s |`. */
export function tableRowsOf(output: string): string[] {
  return [...output.matchAll(/^ *# (\|.*\|)$/gm)].map(([, row = '']) => row);
}

/** The lines of what failed, each with its diagnostics, and of what was skipped; the file's own line comes last. */
export function detailsOf(output: string): string[] {
  const found: string[] = [];
  let inDiagnostics: string | undefined;
  let wanted = false;
  for (const line of output.split('\n')) {
    if (inDiagnostics !== undefined) {
      if (wanted) found.push(line);
      if (line === `${inDiagnostics}...`) inDiagnostics = undefined;
      continue;
    }
    const start = /^( *)---$/.exec(line);
    if (start !== null) {
      inDiagnostics = start[1] ?? '';
      if (wanted) found.push(line);
      continue;
    }
    wanted = /^ *not ok /.test(line) || /^ *ok .*# (?:SKIP|TODO)\b/.test(line);
    if (wanted) found.push(line);
  }
  return found;
}
