// Values as Apache writes them, and as this server's options take them.

/** Seconds as an option takes them: `30d`, `90s`. */
export function asDuration(seconds: number): string {
  const units = { d: 86_400, h: 3600, m: 60 } as const;
  for (const [letter, length] of Object.entries(units)) {
    if (seconds >= length && seconds % length === 0) return `${seconds / length}${letter}`;
  }
  return `${seconds}s`;
}

/** A time limit: a number of seconds, or one with `ms`, `s`, `mi`/`min` or `h`. In seconds, undefined where it is none. */
export function timeLimit(text: string | undefined): number | undefined {
  const [, number, unit] = /^(\d{1,9})(ms|s|mi|min|h)?$/i.exec(text ?? '') ?? [];
  if (number === undefined) return undefined;
  const factors: Readonly<Record<string, number>> = { ms: 0.001, s: 1, mi: 60, min: 60, h: 3600 };
  return Number(number) * (factors[unit?.toLowerCase() ?? 's'] ?? 1);
}

/** As an option takes it; 24 days at most, where a timer ends. */
export function asTimeout(seconds: number): string {
  if (seconds > 0 && seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  return asDuration(Math.min(Math.round(seconds), 24 * 86_400));
}

/** How long a file may be kept, as mod_expires says it. */
export interface Expiry {
  readonly seconds: number;
  /** True where it counts from the file's last change. */
  readonly isFromChange: boolean;
}

/** In seconds, as mod_expires counts them. */
const SPANS: Readonly<Record<string, number>> = {
  year: 365 * 86_400,
  month: 30 * 86_400,
  week: 7 * 86_400,
  day: 86_400,
  hour: 3600,
  minute: 60,
  second: 1,
};

/** `access plus 1 month 2 days`, `A2592000`; undefined where it is neither. */
export function parseExpiry(text: string): Expiry | undefined {
  const [, letter, number] = /^([AM])(\d{1,12})$/i.exec(text.trim()) ?? [];
  if (letter !== undefined) return { seconds: Number(number), isFromChange: letter.toUpperCase() === 'M' };
  const [base = '', ...rest] = text.trim().toLowerCase().split(/\s+/);
  if (!['access', 'now', 'modification'].includes(base)) return undefined;
  const pairs = rest[0] === 'plus' ? rest.slice(1) : rest;
  if (pairs.length === 0 || pairs.length % 2 !== 0) return undefined;
  let seconds = 0;
  for (let index = 0; index < pairs.length; index += 2) {
    const span = SPANS[pairs[index + 1]?.replace(/s$/, '') ?? ''];
    if (span === undefined || !/^\d{1,9}$/.test(pairs[index] ?? '')) return undefined;
    seconds += Number(pairs[index]) * span;
  }
  return { seconds, isFromChange: base === 'modification' };
}

/** The text in a regular expression of JavaScript that matches itself alone. */
export function asPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/** True for `on` and `off` in any spelling. */
export function isOn(text: string | undefined): boolean {
  return text?.toLowerCase() === 'on';
}
