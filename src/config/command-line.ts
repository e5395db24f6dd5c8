// The command line, made from the option table; commander does the parsing.
import { Command, CommanderError, Option as Flag } from 'commander';
import { explainStray, explainUnknownFlag } from './argument-mistakes.js';
import { UsageError } from './errors.js';
import type { Option } from './options/option.js';
import {
  documentedFlagOf,
  environmentOf,
  flagOf,
  isOnCommandLine,
  isSwitch,
  OPTIONS_BY_TOPIC,
  type OptionName,
} from './options.js';
import type { Flags } from './sources.js';

/** What the operator asked for: to run, or to be told something. */
export type CommandLine =
  | { readonly flags: Flags }
  | { readonly print: string }
  | { readonly migrate: MigrateArguments };

/** What `media-serve migrate` is told. */
export interface MigrateArguments {
  readonly file: string;
  /** The language of the file; found by its content when absent. */
  readonly from?: 'nginx' | 'apache' | undefined;
  /** The file that the configuration is written to. */
  readonly write?: string | undefined;
  /** Where relative paths in the file start. */
  readonly prefix?: string | undefined;
}

/**
 * @param argv the arguments, without node and the script
 * @param version what `--version` prints
 * @throws {UsageError} for an unknown flag or a missing argument.
 */
export function parseCommandLine(argv: readonly string[], version: string): CommandLine {
  if (argv[0] === 'migrate') return parseMigrate(argv.slice(1));
  const { command, printed } = silentCommand('media-serve');
  command
    .usage('[--root DIR] [--upstream ADDRESS] [options]\n       media-serve migrate FILE')
    .description(
      'Serves MEDIA_ROOT under MEDIA_URL and hands every other request to the app.\n' +
        'Precedence: flag, environment, config file, default.',
    )
    // Refused below, with a message that names the argument.
    .allowExcessArguments();
  for (const { title, rows } of OPTIONS_BY_TOPIC) {
    command.optionsGroup(`${title}:`);
    for (const [name, row] of rows) {
      if (isOnCommandLine(row)) for (const flag of flagsFor(name, row)) command.addOption(flag);
    }
  }
  command.version(version, '--version', 'print the version').helpOption('--help', 'print this help');
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { print: printed() };
    const unknown = /^error: unknown option '(.*)'/s.exec(error.message)?.[1];
    if (error.code === 'commander.unknownOption' && unknown !== undefined) {
      throw new UsageError(explainUnknownFlag(unknown, argv[argv.indexOf(unknown) + 1]));
    }
    throw new UsageError(`${oneLine(error.message)}; media-serve --help lists the options`);
  }
  const [stray] = command.args;
  if (stray !== undefined) {
    throw new UsageError(explainStray(stray, argv.slice(0, argv.indexOf(stray))));
  }
  return { flags: command.opts<Flags>() };
}

/** A command that neither prints nor ends the process, and what it would have printed. Its errors are answered here. */
function silentCommand(name: string): { readonly command: Command; readonly printed: () => string } {
  let printed = '';
  const command = new Command(name)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        printed += text;
      },
      writeErr: () => {},
    });
  return { command, printed: () => printed };
}

/** `media-serve migrate FILE`. */
function parseMigrate(argv: readonly string[]): CommandLine {
  const { command, printed } = silentCommand('media-serve migrate');
  command
    .usage('FILE [options] > media-serve.json')
    .description(
      "Prints nginx's or Apache's configuration as one of media-serve, and beside it what becomes of each line.\n" +
        'Exit status: 0; 1 where clients will see something for which nothing stands here; 2 for a file that cannot be read.',
    )
    .argument('[FILE]')
    .addOption(
      new Flag('--from <LANGUAGE>', 'nginx or apache; found by the content by default').choices([
        'nginx',
        'apache',
      ]),
    )
    .option('--write <FILE>', 'write the configuration to a new file')
    .option(
      '--config-prefix <DIR>',
      'where relative paths in the file start; by default its own directory, or that of the nginx.conf above it',
    )
    .helpOption('--help', 'print this help');
  try {
    command.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { print: printed() };
    throw new UsageError(`${oneLine(error.message)}; media-serve migrate --help lists the options`);
  }
  const [file] = command.args;
  if (file === undefined) {
    throw new UsageError('migrate needs a file; write for example media-serve migrate /etc/nginx/nginx.conf');
  }
  const { from, write, configPrefix } = command.opts<{
    from?: 'nginx' | 'apache';
    write?: string;
    configPrefix?: string;
  }>();
  return { migrate: { file, from, write, prefix: configPrefix } };
}

/** The flag of an option; of a switch both, so that either can overrule the environment, and help shows the useful one. */
function flagsFor(name: OptionName, row: Option<unknown>): Flag[] {
  const says = describe(name, row);
  if (isSwitch(row)) {
    const useful = documentedFlagOf(name);
    return [flagOf(name), `--no-${flagOf(name).slice(2)}`].map((flag) =>
      new Flag(flag, says).hideHelp(flag !== useful),
    );
  }
  const flag = new Flag(`${flagOf(name)} <${row.type.placeholder}>`, says);
  if (row.type.repeatable) flag.argParser((value: string, before?: string[]) => [...(before ?? []), value]);
  return [flag];
}

function describe(name: OptionName, row: Option<unknown>): string {
  const notes = [environmentOf(name).toReversed().join(', ')];
  if (row.default !== undefined) notes.push(`default ${row.default}`);
  return `${row.doc.replaceAll('`', '')} [${notes.join('; ')}]`;
}

function oneLine(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
}
