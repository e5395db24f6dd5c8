// `Header` and `RequestHeader` (mod_headers), taken apart.
import type { Directive } from '../directive.js';

/** A line of `Header` or `RequestHeader`, taken apart. */
export interface HeaderLine {
  readonly action: string;
  /** In lower case. */
  readonly lower: string;
  readonly name: string;
  readonly value: string | undefined;
  /** True where it holds for some requests only. */
  readonly isConditional: boolean;
}

/** @param directive `Header [always|onsuccess] ACTION NAME [VALUE [REPLACEMENT]] [env=…|expr=…|early]` */
export function headerLine({ args }: Directive): HeaderLine {
  const rest = /^(?:always|onsuccess)$/i.test(args[0] ?? '') ? args.slice(1) : args;
  const [action = '', written = '', value, ...more] = rest;
  const name = written.replace(/:$/, '');
  const takesNoValue = /^(?:unset|echo)$/i.test(action);
  const conditions = takesNoValue && value !== undefined ? [value, ...more] : more;
  return {
    action: action.toLowerCase(),
    name,
    lower: name.toLowerCase(),
    value: takesNoValue ? undefined : value,
    isConditional: conditions.some((word) => /^(?:env|expr)=/i.test(word)),
  };
}

/** The value where it is the same in every answer; undefined where it is made for each. */
export function plainValue(value: string): string | undefined {
  if (/^expr=/i.test(value) || /%(?!%)/.test(value.replaceAll('%%', ''))) return undefined;
  return value.replaceAll('%%', '%');
}
