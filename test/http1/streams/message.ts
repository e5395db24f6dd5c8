/** What a parser reads in a stream of requests. One character is one byte. */

/** Names are in lower case, values without the white space around them (RFC 9110 §5.5). */
export type Fields = readonly (readonly [name: string, value: string])[];

export interface ReadRequest {
  readonly method: string;
  readonly target: string;
  /** `1.1` */
  readonly version: string;
  readonly fields: Fields;
  readonly trailers: Fields;
  readonly body: string;
  /** True when the connection is to end behind it; undefined when the parser has no opinion. */
  readonly closes: boolean | undefined;
  /** Where it ends in the stream, in bytes; undefined when the parser does not tell. */
  readonly end: number | undefined;
}

/** A request that the parser refuses, or of which it wants more than there is. */
export interface Refusal {
  readonly refusal: string;
}

/** What one parser makes of one stream. */
export interface Reading {
  /** In their order. Behind a refusal the parser began anew where the one that it is compared with does. */
  readonly requests: readonly (ReadRequest | Refusal)[];
  /** Why there are no more: nothing is left, more was expected, or the parser's complaint. */
  readonly rest: string;
}

/** Nothing is left. */
export const NOTHING = 'nothing';
/** The last request is not complete. */
export const INCOMPLETE = 'incomplete';

export function isRefusal(read: ReadRequest | Refusal): read is Refusal {
  return 'refusal' in read;
}

/** The values of all fields of this name. */
export function valuesOf({ fields }: Pick<ReadRequest, 'fields'>, lowerCaseName: string): string[] {
  return fields.filter(([name]) => name === lowerCaseName).map(([, value]) => value);
}

/** The members of a list field, of all its lines, in lower case. */
export function membersOf(request: Pick<ReadRequest, 'fields'>, lowerCaseName: string): string[] {
  return valuesOf(request, lowerCaseName)
    .flatMap((value) => value.toLowerCase().split(','))
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((member) => member !== '');
}

/** The value without the white space around it: no other than this is (RFC 9110 §5.6.3). */
export function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** How the body is framed is seen in the body; parsers differ in how they write it down. */
const FRAMING = /^(?:content-length|transfer-encoding)$/;

/** How two readings of a request differ, as text; undefined when they do not. */
export function difference(one: ReadRequest, other: ReadRequest): string | undefined {
  for (const part of ['method', 'target', 'version', 'body'] as const) {
    if (one[part] !== other[part]) return `${part}: ${show(one[part])} and ${show(other[part])}`;
  }
  for (const part of ['fields', 'trailers'] as const) {
    const [mine, theirs] = [one, other].map((request) => JSON.stringify(withoutFraming(request[part])));
    if (mine !== theirs) return `${part}: ${mine} and ${theirs}`;
  }
  if (one.end !== undefined && other.end !== undefined && one.end !== other.end) {
    return `where it ends: ${one.end} and ${other.end}`;
  }
  return undefined;
}

function withoutFraming(fields: Fields): Fields {
  return fields.filter(([name]) => !FRAMING.test(name));
}

/** Text for a report, escaped and not too long. */
export function show(text: string, longest = 1_500): string {
  if (text.length <= longest) return escaped(text);
  return `${escaped(text.slice(0, longest))}… (${text.length} bytes)`;
}

/** As JSON, with every byte beyond ASCII as an escape, so that it can be pasted anywhere. */
export function escaped(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\xff]/g,
    (letter) => `\\u00${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
