// A draft as people keep it: our own file with comments (JSONC), or one command line where flags can say all of it.
import { resolve } from 'node:path';
import type { Option } from '../config/options/option.js';
import { flagOf, isSwitch, OPTIONS, type OptionName } from '../config/options.js';
import { plain, showPlace } from './directive.js';
import type { Draft, DraftLocation } from './translate.js';

/**
 * The draft as our configuration file, with a comment that says where each location comes from.
 * @param path of the file it comes from
 * @param command that says the same, where there is one
 */
export function printJsonc({ options, locations }: Draft, path: string, command: string | undefined): string {
  const lines = Object.entries(options).map(([key, value]) => `  ${JSON.stringify(key)}: ${inline(value)}`);
  const blocks = locations.map(({ entry, place, title }) => {
    const inside = Object.entries(entry).map(
      ([key, value]) => `      ${JSON.stringify(key)}: ${inline(value)}`,
    );
    return `    // ${plain(showPlace(place))}: ${title}\n    {\n${inside.join(',\n')}\n    }`;
  });
  const list = `  "locations": [${blocks.length === 0 ? '' : `\n${blocks.join(',\n')}\n  `}]`;
  const same = command === undefined ? '' : `// The same without a file: ${plain(command)}\n`;
  return `// From ${plain(path)}, by media-serve migrate.\n${same}{\n${[...lines, list].join(',\n')}\n}\n`;
}

/** On one line, with blanks where people put them. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${inline(inner)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** The command that says the same; undefined where flags cannot say all of it on one line. */
export function printCommand(draft: Draft): string | undefined {
  const command = commandOf(draft);
  return command === undefined || plain(command) !== command ? undefined : command;
}

function commandOf({ options, locations }: Draft): string | undefined {
  const words: string[] = [];
  const given = new Set<string>();
  for (const { entry } of locations) {
    const flags = flagsOf(entry, given);
    if (flags === undefined) return undefined;
    words.push(...flags);
  }
  if (!given.has('--root') && !given.has('--mount')) {
    // A start without a word about uploads would look for ./media.
    if (!given.has('--upstream')) return undefined;
    words.push('--proxy-only');
  }
  for (const [key, value] of Object.entries(options)) {
    const name = key as OptionName;
    const row: Option<unknown> = OPTIONS[name];
    if (
      typeof value === 'object' &&
      !(Array.isArray(value) && value.every((one) => typeof one === 'string'))
    ) {
      return undefined;
    }
    // A comma would make two of one.
    if (Array.isArray(value) && value.some((one) => String(one).includes(','))) return undefined;
    if (isSwitch(row)) words.push(value === true ? flagOf(name) : `--no-${flagOf(name).slice(2)}`);
    else words.push(flagOf(name), inShell(Array.isArray(value) ? value.join(',') : String(value)));
  }
  return ['media-serve', ...words].join(' ');
}

/** The flags that write this location, if there are any left for one of its kind. */
function flagsOf(entry: DraftLocation['entry'], given: Set<string>): string[] | undefined {
  const { kind, prefix, root, upstream, ...rest } = entry;
  if (Object.keys(rest).length > 0) return undefined;
  const once = (flag: string): boolean => !given.has(flag) && given.add(flag) !== undefined;
  const shown = (value: unknown): string => inShell(Array.isArray(value) ? value.join(',') : String(value));
  if (kind === 'upstream') {
    return prefix === '/' && once('--upstream') ? ['--upstream', shown(upstream)] : undefined;
  }
  const directory = typeof root === 'string' ? resolve(root) : undefined;
  if (directory === undefined) return undefined;
  const url = (flag: string, usual: string): string[] => (prefix === usual ? [] : [flag, shown(prefix)]);
  if (kind === 'media' && once('--root')) return ['--root', shown(directory), ...url('--url', '/media/')];
  if (kind === 'static') {
    return once('--static-root')
      ? ['--static-root', shown(directory), ...url('--static-url', '/static/')]
      : undefined;
  }
  // In the environment commas separate several; as flags each stands by itself.
  given.add(`--${kind === 'media' ? 'mount' : 'internal'}`);
  return [kind === 'media' ? '--mount' : '--internal', shown(`${prefix}=${directory}`)];
}

/** As it is written in a shell. */
function inShell(text: string): string {
  return /^[\w./:,=@%+[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
