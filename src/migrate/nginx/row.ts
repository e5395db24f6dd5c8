// What the rows of nginx's table have in common: where directives may stand, and the usual ways to translate one.
import { OPTIONS, type OptionName } from '../../config/options.js';
import type { Directive } from '../directive.js';
import { changed, kept, notSupported, type Outcome, type Translate } from '../rows.js';
import { hasVariable, sizeOf, timeOf } from './values.js';

export const MAIN = ['main'];
export const HTTP = ['http'];
export const SERVER = ['server'];
export const HTTP_SERVER = ['http', 'server'];
export const LOCATION = ['location'];
export const SERVER_LOCATION = ['server', 'location'];
/** `if` and `limit_except` are blocks of a location. */
export const EVERYWHERE = ['http', 'server', 'location'];

/** A directive whose value is a size, a time, a number or a switch is an option with the same value. */
export function valueFor(option: OptionName, read: 'size' | 'time' | 'number' | 'switch'): Translate {
  return ({ args }) => {
    const [text] = args;
    const value = hasVariable(text) ? undefined : READ[read](text);
    if (value !== undefined && isValueOf(option, value))
      return kept(`${option}: ${value}`, { [option]: value });
    // Some write a year where they mean for ever.
    if (value !== undefined && read === 'time' && isValueOf(option, LONGEST)) {
      return changed(`${option}: ${LONGEST}, the longest that there is`, { [option]: LONGEST });
    }
    return notSupported(`its value is none that ${option} can have; set ${option} by hand`);
  };
}

/** What a timer can wait, in whole days. */
const LONGEST = '24d';

function isValueOf(option: OptionName, value: unknown): boolean {
  try {
    OPTIONS[option].type.parse(value);
    return true;
  } catch {
    return false;
  }
}

const READ = {
  size: sizeOf,
  time: timeOf,
  number: (text: string | undefined) => (/^\d{1,9}$/.test(text ?? '') ? Number(text) : undefined),
  switch: (text: string | undefined) => (text === 'on' ? true : text === 'off' ? false : undefined),
} as const;

/** A switch that must stand at one of its values, as this server has it no other way. */
export function onlyAt(value: string, same: Outcome, other: Outcome): Translate {
  return ({ args }) => (args[0] === value ? same : other);
}

/** The last directive of this name that holds. */
export function lastOf(holding: readonly Directive[], name: string): Directive | undefined {
  return holding.findLast((directive) => directive.name === name);
}

/** A switch that is on, to be said as an option. */
export function whenOn(option: OptionName, value: unknown, off: Outcome): Translate {
  return ({ args }) =>
    args[0] === 'off' ? off : kept(`${option}: ${JSON.stringify(value)}`, { [option]: value });
}
