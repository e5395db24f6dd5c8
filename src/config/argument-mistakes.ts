// What is said of arguments that are none of ours: what was meant, and what to write.
import { parseListenAddress, parseUpstreamAddress } from './address.js';
import { quote } from './errors.js';
import { optionsMeantBy } from './habits.js';
import { nearest } from './nearest.js';
import type { Option } from './options/option.js';
import {
  documentedFlagOf,
  environmentOf,
  flagOf,
  isOnCommandLine,
  isSwitch,
  OPTION_LIST,
  OPTIONS,
  type OptionName,
} from './options.js';
import { isBucketRoot } from './root.js';

/**
 * The answer to a flag that is not known, in one line.
 * @param written the flag, perhaps with its value after a `=`
 * @param next the argument after it
 */
export function explainUnknownFlag(written: string, next: string | undefined): string {
  const [, flag = written, own] = /^(-[^=]*)=(.*)$/s.exec(written) ?? [];
  const given = own ?? (next?.startsWith('-') ? undefined : next);
  const name = flag.replace(/^-+/, '');
  const value = /bucket/i.test(name) && given !== undefined ? asBucketUrl(given) : given;
  if (/^(?:h|help|\?)$/i.test(name)) return `${quote(flag)} is no option; write media-serve --help`;
  if (/^(?:v|version)$/i.test(name)) return `${quote(flag)} is no option; write media-serve --version`;
  const isOff = /^no-/i.test(name);
  const meant = optionsMeantBy(name.replace(/^no-/i, ''));
  const answers = meant.map((option) => flagWith(option, value, isOff));
  if (answers.length === 0) return `${quote(written)} is no option; media-serve --help lists them`;
  return `${quote(written)} is no option; write ${answers.join(' or ')} (media-serve --help lists all)`;
}

/** Where others take a bucket's name alone. */
function asBucketUrl(text: string): string {
  return text.includes('://') ? text : `s3://${text}`;
}

/** The option as it is to be written, with the value that was meant for it, if it can be its value. */
function flagWith(name: OptionName, value: string | undefined, isOff: boolean): string {
  const row: Option<unknown> = OPTIONS[name];
  if (!isOnCommandLine(row)) {
    return `"${name}" into a location of the config file (--config FILE): it has no flag`;
  }
  if (isSwitch(row)) {
    if (!isOff && value === undefined) return documentedFlagOf(name);
    const says = isOff ? 'off' : onOrOff(value ?? '');
    if (says === undefined) return documentedFlagOf(name);
    return says === 'on' ? flagOf(name) : `--no-${flagOf(name).slice(2)}`;
  }
  const usable = value === undefined ? undefined : usableValue(name, value);
  return `${flagOf(name)} ${usable === undefined ? row.type.placeholder : inShell(usable)}`;
}

/** The value, completed where something is missing that is plain. */
function usableValue(name: OptionName, value: string): string | undefined {
  if (name === 'listen') {
    if (/^\d+$/.test(value)) return `:${value}`;
    if (value.startsWith('/')) return `unix:${value}`;
    // A host alone is what --host of other servers takes.
    return [value, `${value}:8080`].find((text) => isRead(() => parseListenAddress(text)));
  }
  return isRead(() => OPTIONS[name].type.parse(value)) ? value : undefined;
}

/**
 * The answer to an argument that belongs to no option, in one line.
 * @param stray the argument
 * @param before those that stand before it
 */
export function explainStray(stray: string, before: readonly string[]): string {
  if (/^(?:help|version)$/i.test(stray)) {
    return `${quote(stray)} is no option; write media-serve --${stray.toLowerCase()}`;
  }
  if (/^(?:serve|server|start|run|runserver)$/i.test(stray)) {
    return `${quote(stray)} is no option; leave it out: media-serve starts without a word`;
  }
  if (nearest(stray, ['migrate']) !== undefined) {
    return `${quote(stray)} is no option; write media-serve migrate FILE, with the word first and without other options of the server`;
  }
  const [, name = '', value = ''] = /^([\w-]+)=(.*)$/s.exec(stray) ?? [];
  const named =
    OPTION_LIST.find(([option]) => environmentOf(option).includes(name))?.[0] ??
    (name === '' ? undefined : optionsMeantBy(name.replace(/^MEDIA_SERVE_/, ''))[0]);
  if (named !== undefined) return `${quote(stray)} is no option; write ${flagWith(named, value, false)}`;
  return explainRest(stray, before) ?? explainBare(stray);
}

/** The rest of a value that a blank has cut in two. */
function explainRest(stray: string, before: readonly string[]): string | undefined {
  const last = before.at(-1) ?? '';
  const [, sameFlag, sameValue] = /^(--[^=]+)=(.*)$/s.exec(last) ?? [];
  const flag = sameFlag ?? (last.startsWith('--') ? last : before.at(-2));
  const found = OPTION_LIST.find(([option]) => flag === flagOf(option) || flag === documentedFlagOf(option));
  if (found === undefined) return undefined;
  const [option, row] = found;
  if (isSwitch(row)) {
    const says = last === flag ? onOrOff(stray) : undefined;
    if (says === undefined) return undefined;
    return `${quote(stray)} is no option; a switch takes no value: write ${flagWith(option, stray, false)}`;
  }
  // Then it is the value of that flag; the one that belongs to none looks like it.
  if (last === flag) return undefined;
  const value = sameValue ?? last;
  // Whatever stands there is a path: one with a blank is as likely as an argument too many.
  if (['DIR', 'FILE', 'PREFIX=DIR', 'STATUS=FILE,…'].includes(row.type.placeholder)) {
    const path = `${flag} ${inShell(`${value} ${stray}`)}`;
    return isAddressOfApp(stray)
      ? undefined
      : `${quote(stray)} belongs to no option; write ${path} if it is part of that path`;
  }
  const joined = /^[a-z]/i.test(stray) && /\d$/.test(value) ? [`${value}${stray}`] : [];
  const whole = [...joined, `${value} ${stray}`, `${value},${stray}`, `${value}:${stray}`].find((text) =>
    isRead(() => row.type.parse(text)),
  );
  if (whole !== undefined) return `${quote(stray)} belongs to no option; write ${flag} ${inShell(whole)}`;
  if (joined.length === 0) return undefined;
  try {
    row.type.parse(`${value} ${stray}`);
    return undefined;
  } catch (error) {
    return `${flag}: ${(error as Error).message}`;
  }
}

function explainBare(stray: string): string {
  const app = /^\d+$/.test(stray) ? `:${stray}` : stray;
  if (isAddressOfApp(app)) {
    return `${quote(stray)} belongs to no option; write --upstream ${app} for the app, --listen ${app} for where to listen`;
  }
  const what = isBucketRoot(stray) ? 'bucket' : 'directory';
  return `${quote(stray)} belongs to no option; write --root ${inShell(stray)} for a ${what}, --upstream ADDRESS for the app`;
}

function isAddressOfApp(text: string): boolean {
  return isRead(() => parseUpstreamAddress(text));
}

function isRead(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function onOrOff(word: string): 'on' | 'off' | undefined {
  if (/^(?:true|on|yes|1)$/i.test(word)) return 'on';
  return /^(?:false|off|no|0)$/i.test(word) ? 'off' : undefined;
}

/** As it is written in a shell. */
function inShell(text: string): string {
  return /^[\w./:,=@%+[\]-]+$/.test(text) ? text : quote(text);
}
