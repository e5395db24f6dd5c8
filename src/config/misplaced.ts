// Keys of the config file that are not known where they stand: misspelt, or at home in another place.
import { quote } from './errors.js';
import { optionSpelled, optionsMeantBy } from './habits.js';
import { byLikeness, nearest } from './nearest.js';
import type { Option } from './options/option.js';
import { OPTION_LIST, OPTIONS } from './options.js';

/** Keys that make a location, written at the top of the file, and what they would be there. */
const LOCATION_OF: Readonly<Record<string, string>> = {
  kind: '{ "kind": "media", "prefix": "/media/", "root": "./media" }',
  prefix: '{ "kind": "media", "prefix": "/media/", "root": "./media" }',
  root: '{ "kind": "media", "prefix": "/media/", "root": "./media" }',
  url: '{ "kind": "media", "prefix": "/media/", "root": "./media" }',
  mount: '{ "kind": "media", "prefix": "/more/", "root": "./more" }',
  staticRoot: '{ "kind": "static", "prefix": "/static/", "root": "./static" }',
  staticUrl: '{ "kind": "static", "prefix": "/static/", "root": "./static" }',
  internal: '{ "kind": "internal", "prefix": "/protected/", "root": "./protected" }',
  upstream: '{ "kind": "upstream", "prefix": "/", "upstream": ":8000" }',
};

/** What other programs, and our own flags, call the keys of a location. */
const KEYS_OF_OTHERS: Readonly<Record<string, readonly string[]>> = {
  prefix: ['url', 'location', 'path', 'mount'],
  root: ['dir', 'directory', 'alias', 'folder', 'path', 'staticRoot', 'mediaRoot'],
  upstream: ['proxy', 'proxy_pass', 'app', 'backend', 'server', 'address', 'target'],
  kind: ['type'],
};

/**
 * What is wrong with a key, in one line without a full stop.
 * @param known the keys that may stand there
 * @param isTop whether it stands at the top of the file
 */
export function explainUnknownKey(key: string, known: readonly string[], isTop: boolean): string {
  const unknown = `has an unknown key ${quote(key)}`;
  const spelled = optionSpelled(key);
  // What is an option elsewhere is not a misspelt one of here.
  const near = spelled === undefined || known.includes(spelled) ? nearest(key, known) : undefined;
  if (near !== undefined) return `${unknown}; write ${quote(near)} (${knownHere(key, known)})`;
  if (isTop && Object.hasOwn(LOCATION_OF, key)) {
    return `${unknown}: it belongs into a location; write "locations": [${LOCATION_OF[key]}]`;
  }
  const [meant] = isTop
    ? []
    : Object.keys(KEYS_OF_OTHERS).filter(
        (name) => known.includes(name) && KEYS_OF_OTHERS[name]?.includes(key),
      );
  const option = meant ?? optionsMeantBy(key)[0];
  if (option === undefined) return `${unknown}; ${knownHere(key, known)}`;
  if (known.includes(option)) return `${unknown}; write ${quote(option)} (${knownHere(key, known)})`;
  const row: Option<unknown> | undefined = Object.hasOwn(OPTIONS, option)
    ? OPTION_LIST.find(([name]) => name === option)?.[1]
    : undefined;
  const places = (row?.contexts ?? [])
    .filter((context) => context !== 'command')
    .map((context) =>
      context === 'server' ? 'at the top of the file' : `in locations of kind "${context}"`,
    );
  if (places.length > 0) {
    return `${unknown}; ${quote(option)} may stand ${places.join(', ')}; ${knownHere(key, known)}`;
  }
  if (isTop && Object.hasOwn(LOCATION_OF, option)) {
    return `${unknown}: it belongs into a location; write "locations": [${LOCATION_OF[option]}]`;
  }
  return `${unknown}; ${knownHere(key, known)}`;
}

function knownHere(key: string, known: readonly string[]): string {
  return `known here: ${byLikeness(key, known).join(', ')}`;
}

/** The values that are allowed, as they stand in the file, and the nearest to what stands there. */
export function explainWord(given: unknown, words: readonly string[]): string {
  const all = words.map((word) => quote(word)).join(', ');
  const near = typeof given === 'string' ? nearest(given, words) : undefined;
  return near === undefined
    ? `${quote(given)} is not one of ${all}`
    : `${quote(given)} is not one of ${all}; write ${quote(near)}`;
}
