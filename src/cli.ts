#!/usr/bin/env node
// The command: parse, load, start. No logic of its own.
import './debugger.js';
import { readFileSync } from 'node:fs';
import { parseCommandLine } from './config/command-line.js';
import { isOperatorError } from './config/errors.js';
import type { Flags } from './config/sources.js';
import { loadAnyConfig } from './load.js';

/** Ends this process. */
let end: (code: number) => void = process.exit;

async function run(flags: Flags): Promise<void> {
  const config = await loadAnyConfig(flags, process.env);
  // Loaded only now: it is most of the code, and neither help nor a mistake in the configuration needs it.
  const { start, endProcess } = await import('./start.js');
  end = endProcess;
  await start(config, fail);
}

function fail(error: unknown): void {
  const known = isOperatorError(error);
  process.stderr.write(`media-serve: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  end(known ? 2 : 1);
}

try {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const commandLine = parseCommandLine(process.argv.slice(2), version);
  if ('print' in commandLine) process.stdout.write(commandLine.print);
  else if ('migrate' in commandLine) {
    const { migrate } = await import('./migrate/command.js');
    const { output, report, exitCode } = migrate(commandLine.migrate);
    process.stderr.write(report);
    process.stdout.write(output);
    process.exitCode = exitCode;
  } else await run(commandLine.flags);
} catch (error) {
  fail(error);
}
