// HTTP dates (RFC 9110 §5.6.7): one form to write, three to read. A date that is not exactly one of them is no date.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MONTH = `(${MONTHS.join('|')})`;
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';
const IMF_FIXDATE = new RegExp(`^[A-Z][a-z]{2}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} GMT$`);
const RFC_850 = new RegExp(`^[A-Z][a-z]+, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} GMT$`);
const ASCTIME = new RegExp(`^[A-Z][a-z]{2} ${MONTH} ([ \\d]\\d) ${TIME} (\\d{4})$`);

/** Formats seconds since the epoch as an IMF-fixdate. */
export function formatHttpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString();
}

/** Seconds since the epoch, or undefined when the text is not an HTTP date. */
export function parseHttpDate(text: string): number | undefined {
  let match = IMF_FIXDATE.exec(text);
  if (match) return seconds(match[3], match[2], match[1], match[4], match[5], match[6]);
  match = RFC_850.exec(text);
  if (match) return seconds(fullYear(match[3]), match[2], match[1], match[4], match[5], match[6]);
  match = ASCTIME.exec(text);
  if (match) return seconds(match[6], match[1], match[2], match[3], match[4], match[5]);
  return undefined;
}

/** "more than 50 years in the future" means the most recent year in the past with the same last two digits. */
function fullYear(twoDigits: string | undefined): string {
  const thisYear = new Date().getUTCFullYear();
  const year = thisYear - (thisYear % 100) + Number(twoDigits);
  return String(year > thisYear + 50 ? year - 100 : year);
}

function seconds(
  ...parts: [year?: string, month?: string, day?: string, hours?: string, minutes?: string, seconds?: string]
): number | undefined {
  const [year, month = '', day, hours, minutes, second] = parts;
  const minute = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hours), Number(minutes));
  const date = new Date(minute);
  // Date.UTC rolls 31 February and 25 o'clock over; such a text names no moment.
  const isExact =
    date.getUTCDate() === Number(day) &&
    date.getUTCHours() === Number(hours) &&
    date.getUTCMinutes() === Number(minutes) &&
    // 60 is a leap second.
    Number(second) <= 60;
  return isExact ? minute / 1000 + Number(second) : undefined;
}
