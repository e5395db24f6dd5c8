// The characters that HTTP/1.1's grammar is made of (RFC 9110 §5.6, RFC 9112 §2), for readers that go byte by byte.

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const SEMICOLON = 0x3b;
export const DEL = 0x7f;

export const LINE_END = '\r\n';
export const EMPTY_LINE = '\r\n\r\n';

const ZERO = 0x30;
const NINE = 0x39;

/** The value of a decimal digit, or -1. */
export function digit(code: number): number {
  return code >= ZERO && code <= NINE ? code - ZERO : -1;
}

/** The value of a hexadecimal digit, or -1. */
export function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** OWS and BWS are made of these (RFC 9110 §5.6.3). */
export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}
