/** The three forms of an HTTP date (RFC 9110 §5.6.7), read in another way than the product reads them. */

const FORMS = ['fixed', 'rfc850', 'asctime'] as const;

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/**
 * An HTTP date in one of the three forms, the first of which is the one to send. A year that two digits do not
 * tell apart from another is always written out.
 */
export function dateOf(seconds: number, form: (typeof FORMS)[number] = 'fixed'): string {
  const fixed = new Date(seconds * 1000).toUTCString();
  const [, weekday = '', day = '', month = '', year = '', time = ''] =
    /^(\w+), (\d+) (\w+) (\d+) ([\d:]+) GMT$/.exec(fixed) ?? [];
  if (form === 'asctime') return `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
  if (form === 'fixed' || year < '1980' || year > '2049') return fixed;
  const name = WEEKDAYS.find((long) => long.startsWith(weekday));
  return `${name}, ${day}-${month}-${year.slice(2)} ${time} GMT`;
}

/** Seconds since the epoch; undefined for what is not exactly a date in one of the forms. */
export function secondsOf(text: string): number | undefined {
  const seconds = Date.parse(`${text.replaceAll('-', ' ').replace(/ GMT$/, '')} GMT`) / 1000;
  return FORMS.some((form) => dateOf(seconds, form) === text) ? seconds : undefined;
}
