// The option table. Every option is declared once, in the file of its topic (options/): its type, default, names in the
// environment, where it may stand, the nginx directive it answers to, and its documentation. `--help`, the README's reference
// and the config file's JSON Schema are generated from it (reference.ts).
import { ACCESS } from './options/access.js';
import { APP } from './options/app.js';
import { BUCKETS } from './options/buckets.js';
import { BUFFERING } from './options/buffering.js';
import { CLIENTS } from './options/clients.js';
import { FILES } from './options/files.js';
import { LISTENING } from './options/listening.js';
import type { Option } from './options/option.js';
import { PROCESS } from './options/process.js';
import { RESPONSES } from './options/responses.js';

/** What options are about, as `--help` and the README's reference group them, in this order. */
const TOPICS = [
  { title: 'Files: which ones, and where they appear', options: FILES },
  { title: 'Files: how they are sent', options: RESPONSES },
  { title: 'Files: who may have them', options: ACCESS },
  { title: 'Files: in object storage (S3 and what speaks like it)', options: BUCKETS },
  { title: 'The app', options: APP },
  { title: 'The app: what waits for it, or for clients', options: BUFFERING },
  { title: 'Clients and their limits', options: CLIENTS },
  { title: 'Listening, and proxies in front', options: LISTENING },
  { title: 'Settings, log and shutdown', options: PROCESS },
];

/** All options; within a topic this is the order of the documentation. */
export const OPTIONS = {
  ...FILES,
  ...RESPONSES,
  ...ACCESS,
  ...BUCKETS,
  ...APP,
  ...BUFFERING,
  ...CLIENTS,
  ...LISTENING,
  ...PROCESS,
};

/** Name of an option: camelCase here and in the file, `--kebab-case` as a flag. */
export type OptionName = keyof typeof OPTIONS;

/** The parsed value of an option. */
export type OptionValue<N extends OptionName> = ReturnType<(typeof OPTIONS)[N]['type']['parse']>;

/** The table as a list of rows with their names. */
export const OPTION_LIST = rowsOf(OPTIONS);

/** The rows under the titles of their topics, as they are shown. */
export const OPTIONS_BY_TOPIC = TOPICS.map(({ title, options }) => ({ title, rows: rowsOf(options) }));

/** `maxAge` → `--max-age`. */
export function flagOf(name: OptionName): string {
  return `--${kebab(name)}`;
}

/** The flag that changes the default: `--max-age`, and `--no-request-buffering` for what is on by default. */
export function documentedFlagOf(name: OptionName): string {
  const row: Option<unknown> = OPTIONS[name];
  return isSwitch(row) && row.default === 'on' ? `--no-${kebab(name)}` : flagOf(name);
}

/** True for options that are on or off. */
export function isSwitch(row: Option<unknown>): boolean {
  return row.type.placeholder === '';
}

/** `maxAge` → `MEDIA_SERVE_MAX_AGE`, followed by the other names it has. */
export function environmentOf(name: OptionName): readonly string[] {
  const others: Option<unknown> = OPTIONS[name];
  return [`MEDIA_SERVE_${kebab(name).replaceAll('-', '_').toUpperCase()}`, ...(others.environment ?? [])];
}

/** Whether flag and environment know the option; the others stand only in a location of the config file. */
export function isOnCommandLine(row: Option<unknown>): boolean {
  return row.contexts.includes('command') || row.contexts.includes('server');
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function rowsOf(options: object): (readonly [OptionName, Option<unknown>])[] {
  return Object.entries(options) as [OptionName, Option<unknown>][];
}
