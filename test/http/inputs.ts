/** Bytes from outside, as many as are wanted, of the worst kinds that are known. */

/** Makes an input of about this many bytes. */
export type Input = (size: number) => string;

/** A function that meets bytes from outside. */
export interface Reader {
  readonly name: string;
  /**
   * Makes of the bytes what the function is given, and returns the call, which may throw, or reject: to refuse is an
   * answer. Only the call is counted; it is made once.
   */
  prepare(bytes: string): () => unknown;
  /** True when the bytes come one by one. Each of them costs a call then, to which no request can be compared. */
  readonly isDripped?: boolean;
  /** By what it is. */
  readonly inputs: Readonly<Record<string, Input>>;
}

/** The start, the piece as often as there is room for it, and the end. */
export function repeat(piece: string, start = '', end = ''): Input {
  return (size) => {
    const room = Math.max(0, size - start.length - end.length);
    return start + piece.repeat(Math.floor(room / piece.length)) + end;
  };
}

/** Pieces that are all different. */
export function numbered(piece: (index: number) => string, start = ''): Input {
  return (size) => {
    let text = start;
    for (let index = 0; text.length < size; index++) text += piece(index);
    return text;
  };
}

/** What no list, number, word or pattern likes, whichever it is. */
export const COMMON: Readonly<Record<string, Input>> = {
  letters: repeat('a'),
  digits: repeat('1'),
  spaces: repeat(' ', 'a', 'x'),
  tabs: repeat('\t', 'a', 'x'),
  commas: repeat(','),
  'commas and spaces': repeat(', '),
  semicolons: repeat(';'),
  'semicolons and spaces': repeat('; '),
  quotes: repeat('"'),
  'a quote without an end': repeat('a', '"'),
  backslashes: repeat('\\', '"'),
  dots: repeat('.'),
  slashes: repeat('/'),
  colons: repeat(':'),
  'equals signs': repeat('='),
  'percent signs': repeat('%'),
  'bytes beyond ASCII': repeat('\xe4'),
  'UTF-8': repeat('\xc3\xa4'),
  'numbers that a table of strings would keep in one place': numbered((index) => `,${(index + 1) * 8192}`),
};
