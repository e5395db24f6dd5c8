// The Date field (RFC 9110 §6.6.1), formatted once a second.
import { formatHttpDate } from './date.js';

let second = 0;
let text = '';

/** The current time as an HTTP date: 29 bytes, always. */
export function currentDate(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    text = formatHttpDate(now);
  }
  return text;
}
