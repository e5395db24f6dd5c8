// Of what outlives a message.

/** V8 makes no views of less (SlicedString::kMinLength). */
const SHORTEST_VIEW = 13;
const ONE_BYTE = /^[\0-\xff]*$/;

/**
 * The same text as a string that stands for itself, for whatever is kept when a message is gone. A part of a string is
 * a view to V8, and a sum of strings is a tree of them: who keeps a name of twenty characters keeps the head of 32 KB
 * in which it came.
 */
export function ownString(text: string): string {
  if (text.length < SHORTEST_VIEW) return text;
  const encoding = ONE_BYTE.test(text) ? 'latin1' : 'utf16le';
  return Buffer.from(text, encoding).toString(encoding);
}
