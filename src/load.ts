// The configuration from wherever it is named: flags and environment, and a file of our own, of nginx or of Apache.
import { BadValueError } from './config/errors.js';
import { configFrom, loadConfig } from './config/load.js';
import type { Config } from './config/location.js';
import { flagOf, type OptionName } from './config/options.js';
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
    const file = { path, language, from: sources.fromOf(name), prefix };
    return configFrom(flags, environment, foreignConfig(file, sources.require('strictConfig')));
  }
  for (const name of ['configPrefix', 'strictConfig'] satisfies OptionName[]) {
    if (flags[name] !== undefined && flags[name] !== false) {
      throw new BadValueError(flagOf(name), 'is for --nginx-config or --apache-config, and neither is given');
    }
  }
  return loadConfig(flags, environment);
}
