// JSON with comments and trailing commas, as editors write it, and where it is wrong.
import { createRequire } from 'node:module';
import type { Node, ParseErrorCode } from 'jsonc-parser';
import { quote } from './errors.js';

/** What each of the parser's codes means to somebody who looks at the place. */
const REASONS: Readonly<Record<ParseErrorCode, string>> = {
  1: 'is no JSON; text and names stand in double quotes, and other values are numbers, true, false or null',
  2: 'is no number of JSON; write one such as 60, or "60s" in double quotes',
  3: 'should be a name in double quotes',
  4: 'should be a value; write one, or leave out what stands before',
  5: 'should have a colon before it',
  6: 'should have a comma before it',
  7: 'should be the } of the braces before it',
  8: 'should be the ] of the brackets before it',
  9: 'is too much: the file ends with the } before it',
  10: 'begins a comment that is not allowed here',
  11: 'begins a comment that does not end; write */ behind it',
  12: 'begins a text that does not end; write " behind it',
  13: 'is a number that does not end',
  14: 'has an escape that is none; write \\uXXXX with four digits from 0 to f',
  15: 'has an escape that is none; a backslash is written \\\\',
  16: 'has a control character in it; write \\n for a line end, \\t for a tab',
};

/**
 * @param text without a byte order mark
 * @throws {TypeError} with the line, the column and what is wrong there; both are counted from 1
 */
export function parseJsonc(text: string): unknown {
  // Loaded only where there is a file, which most starts do without; `require`, so that reading it needs no promise.
  const { getNodeValue, parseTree } = createRequire(import.meta.url)(
    'jsonc-parser',
  ) as typeof import('jsonc-parser');
  const errors: { error: ParseErrorCode; offset: number; length: number }[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  if (tree === undefined && /^\s*$/.test(text)) {
    throw new TypeError('line 1, column 1: the file is empty; write {} at least');
  }
  const [first] = errors;
  if (first !== undefined) {
    const what = text.slice(first.offset, first.offset + first.length).trim();
    const subject = what === '' ? 'the end of the file' : quote(what);
    throw new TypeError(`${placeOf(text, first.offset)}: ${subject} ${REASONS[first.error]}`);
  }
  // Without an error there is one.
  if (tree === undefined) return undefined;
  refuseRepeated(tree, text);
  return getNodeValue(tree);
}

/** Of two values under one name the last would count, and the first be left out without a word. */
function refuseRepeated({ type, children = [] }: Node, text: string): void {
  const names = new Set<unknown>();
  for (const child of children) {
    const [name] = child.children ?? [];
    if (type === 'object' && name !== undefined) {
      if (names.has(name.value)) {
        throw new TypeError(
          `${placeOf(text, name.offset)}: ${quote(name.value)} stands here a second time; leave out one of them`,
        );
      }
      names.add(name.value);
    }
    refuseRepeated(child, text);
  }
}

function placeOf(text: string, offset: number): string {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return `line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`;
}
