// `media-serve migrate FILE`: our own configuration on standard output, and what became of each line beside it.
import { writeFileSync } from 'node:fs';
import type { MigrateArguments } from '../config/command-line.js';
import { BadValueError } from '../config/errors.js';
import { configFrom } from '../config/load.js';
import { foreignConfig, languageOf, readForeign } from './foreign.js';
import { printCommand, printJsonc } from './print.js';
import { type Finding, isMissing, showFinding, VERDICTS } from './report.js';
import { SourceFiles } from './source-files.js';

/** What the command gives. */
export interface Migrated {
  /** For standard output: the configuration, if it goes to no file. */
  readonly output: string;
  /** For standard error. */
  readonly report: string;
  /** 1 where clients will see something for which nothing stands here. */
  readonly exitCode: 0 | 1;
}

/** @throws {BadValueError} when the file cannot be read as its language, or the other one cannot be written */
export function migrate({ file, from, write, prefix }: MigrateArguments): Migrated {
  const path = file;
  const language = from ?? new SourceFiles().read(path, file, languageOf);
  const foreign = { path, language, from: file, prefix };
  const { draft, findings } = readForeign(foreign);
  // What it makes must be a configuration: a mistake in the file is told here, and not at the next start.
  configFrom({}, {}, foreignConfig(foreign, false));
  const command = printCommand(draft);
  const jsonc = printJsonc(draft, file, command);
  if (write !== undefined) writeNew(write, jsonc);
  const start = command ?? `media-serve --config ${write ?? 'FILE'}`;
  return {
    output: write === undefined ? jsonc : '',
    report: `${[...findings.map(showFinding), '', summaryOf(findings), `To start: ${start}`].join('\n')}\n`,
    exitCode: findings.some(isMissing) ? 1 : 0,
  };
}

function summaryOf(findings: readonly Finding[]): string {
  const counts = VERDICTS.map(
    (verdict) => [findings.filter((one) => one.verdict === verdict).length, verdict] as const,
  );
  return counts
    .filter(([count]) => count > 0)
    .map(([count, verdict]) => `${count} ${verdict}`)
    .join(', ');
}

/** A file that is there may be the result of work. */
function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'EEXIST' ? 'is there already; name another file, or remove it' : `cannot be written (${code})`;
    throw new BadValueError('--write', `${path} ${why}`);
  }
}
