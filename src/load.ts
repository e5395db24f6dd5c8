// The configuration from wherever it is named: flags and environment, and a file of our own, of nginx or of Apache.
import { BadValueError } from './config/errors.js';
import type { ConfigFile } from './config/file.js';
import { configFrom, loadConfig } from './config/load.js';
import type { Config } from './config/location.js';
import { environmentOf, flagOf, type OptionName } from './config/options.js';
import { type Environment, type Flags, Sources } from './config/sources.js';

/** The options that name a file, and the language it is in. */
const FOREIGN = [
  ['nginxConfig', 'nginx'],
  ['apacheConfig', 'apache'],
] as const;

/** @throws {BadValueError} naming the value, where it came from and what to write instead. */
export async function loadAnyConfig(flags: Flags, environment: Environment): Promise<Config> {
  const sources = new Sources(flags, environment);
  const named = (['config', 'nginxConfig', 'apacheConfig'] satisfies OptionName[]).filter(
    (name) => sources.find(name) !== undefined,
  );
  if (named.length > 1) {
    const [first, second] = named.map((name) => sources.fromOf(name));
    throw new BadValueError(
      String(second),
      `names a second configuration beside ${first}; write one of them`,
    );
  }
  for (const [name, language] of FOREIGN) {
    const path = sources.get(name);
    if (path === undefined) continue;
    // Loaded only where there is such a file.
    const { foreignConfig } = await import('./migrate/foreign.js');
    const prefix = sources.get('configPrefix');
    const from = sources.fromOf(name);
    const file = foreignConfig({ path, language, from, prefix }, sources.require('strictConfig'));
    return fromForeign(flags, environment, file, from);
  }
  for (const name of ['configPrefix', 'strictConfig'] satisfies OptionName[]) {
    if (flags[name] !== undefined && flags[name] !== false) {
      throw new BadValueError(flagOf(name), 'is for --nginx-config or --apache-config, and neither is given');
    }
  }
  return loadConfig(flags, environment);
}

/**
 * Flags win over the file, and it is told what they open. Django's own variables do not: Compose files set them for the app,
 * and what the file closes, or asks a password for, must not be given out for that.
 */
function fromForeign(flags: Flags, environment: Environment, file: ConfigFile, from: string): Config {
  const own: Record<string, string | undefined> = { ...environment };
  const notes = (['root', 'url', 'staticRoot', 'staticUrl'] satisfies OptionName[])
    .flatMap((name) => environmentOf(name).map((variable) => ({ variable, flag: flagOf(name) })))
    .filter(({ variable }) => !variable.startsWith('MEDIA_SERVE_') && (environment[variable] ?? '') !== '')
    .map(({ variable, flag }) => {
      own[variable] = undefined;
      return `${variable}: is not read beside ${from}, whose file says what is served; ${flag} says something else`;
    });
  const config = configFrom(flags, own, { ...file, notes: [...notes, ...file.notes] });
  if (config.locations.length === 0) {
    const words = `${file.path} has nothing that is served here (media-serve migrate ${file.path} says why); name the app with --upstream :8000`;
    throw new BadValueError(from, words);
  }
  const opened = file.locations.flatMap((entry, index) => {
    const { kind, prefix } = entry;
    if (
      kind !== 'denied' &&
      kind !== 'internal' &&
      entry['authRequest'] === undefined &&
      entry['secureLink'] === undefined
    )
      return [];
    const other = config.locations.find(
      (location) => location.prefix === prefix && location.from !== file.places[index],
    );
    return other === undefined
      ? []
      : [`${other.from}: opens ${prefix}, which ${file.places[index]} closes, or asks about`];
  });
  return Object.freeze({ ...config, warnings: Object.freeze([...config.warnings, ...opened]) });
}
