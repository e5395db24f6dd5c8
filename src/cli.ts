#!/usr/bin/env node
// The command: parse, load, start, signals. No logic of its own.
import { readFileSync } from 'node:fs';
import { parseCommandLine } from './config/command-line.js';
import { isOperatorError } from './config/errors.js';
import { loadConfig } from './config/load.js';
import type { Flags } from './config/sources.js';
import { createMediaServer } from './server/app.js';
import { listen } from './server/listen.js';
import { createLog } from './server/log.js';
import { prepareShutdown } from './server/shutdown.js';
import { describeStart, warnOfMissingApp, warnOfMissingSpool } from './server/start-report.js';

async function start(flags: Flags): Promise<void> {
  const config = loadConfig(flags, process.env);
  const log = await createLog(config);
  process.once('exit', () => log.flushSync());
  const app = await createMediaServer(config, log);
  const shutdown = prepareShutdown(app, config.shutdownTimeout, log.events);
  const address = await listen(app, config.listen, config.listenFrom);
  log.events.info(describeStart(config, address), 'listening');
  warnOfMissingApp(config, log.events);
  warnOfMissingSpool(config, log.events);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      shutdown
        .stop(signal)
        .then(() => log.drain())
        .then(() => process.exit(0), fail);
    });
  }
}

function fail(error: unknown): void {
  const known = isOperatorError(error);
  process.stderr.write(`media-serve: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exit(known ? 2 : 1);
}

try {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const commandLine = parseCommandLine(process.argv.slice(2), version);
  if ('print' in commandLine) process.stdout.write(commandLine.print);
  else await start(commandLine.flags);
} catch (error) {
  fail(error);
}
