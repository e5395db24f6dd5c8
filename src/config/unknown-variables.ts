// Variables that look like ours and are none: a misspelt one would be left out without a word.
import { quote } from './errors.js';
import { optionsMeantBy } from './habits.js';
import { byLikeness } from './nearest.js';
import { environmentOf, isOnCommandLine, OPTION_LIST, OPTIONS } from './options.js';
import type { Environment } from './sources.js';

const PREFIX = 'MEDIA_SERVE_';

const VARIABLES = OPTION_LIST.filter(([, row]) => isOnCommandLine(row)).flatMap(([name]) =>
  environmentOf(name).filter((variable) => variable.startsWith(PREFIX)),
);
const KNOWN = new Set(VARIABLES);

/**
 * What is said of each, in one line.
 * @param used names that the configuration itself reads, such as those of secrets
 */
export function explainUnknownVariables(environment: Environment, used: ReadonlySet<string>): string[] {
  return Object.keys(environment)
    .filter((name) => name.toUpperCase().startsWith(PREFIX) && !KNOWN.has(name) && !used.has(name))
    .filter((name) => !isServiceLink(name, environment[name] ?? ''))
    .sort()
    .map(explain);
}

/**
 * Whether Kubernetes (enableServiceLinks) or Docker (--link) has set it for a service or a container whose name begins with
 * media-serve: every pod beside a Service of that name has a dozen of these.
 */
function isServiceLink(name: string, value: string): boolean {
  return (
    /_SERVICE_(?:HOST|PORT(?:_\w+)?)$/.test(name) ||
    /_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?$/.test(name) ||
    (/_PORT$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value))
  );
}

function explain(name: string): string {
  const rest = name.slice(PREFIX.length);
  const [meant] = optionsMeantBy(rest);
  const nothing = `${quote(name)} is no variable of this server and has no effect`;
  if (meant === undefined) {
    return `${nothing}; the most like it are ${byLikeness(name, VARIABLES).slice(0, 3).join(', ')}`;
  }
  if (!isOnCommandLine(OPTIONS[meant])) {
    return `${nothing}; write "${meant}" into a location of the config file (MEDIA_SERVE_CONFIG)`;
  }
  return `${nothing}; write ${environmentOf(meant)[0]}`;
}
