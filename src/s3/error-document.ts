// What a store says of an error: a small XML document, of which four texts matter. It comes from outside, so that nothing of it
// is believed to be well-formed: no entities but the five that XML has, no nesting, no attributes.

/** The most of one that is read, in bytes. */
export const LARGEST_DOCUMENT = 64 * 1024;

/** What it says; each may lack. */
export interface ErrorDocument {
  /** Such as `NoSuchKey`. */
  readonly code: string | undefined;
  /** For people; cut. */
  readonly message: string | undefined;
  /** The region that would have been right. */
  readonly region: string | undefined;
  readonly requestId: string | undefined;
  /** Of the object that a range was asked of, in bytes. */
  readonly actualSize: number | undefined;
}

/** A code, a region, the name of a request. */
const NAME = /^[\w.:/+=-]{1,128}$/;
/** Longest message, in characters. */
const LONGEST_MESSAGE = 200;

/** The text when a store may call something so; undefined otherwise, since this goes into the log. */
export function nameOf(text: string | undefined): string | undefined {
  return text !== undefined && NAME.test(text) ? text : undefined;
}

/** Reads one. What is no error document has no texts. */
export function readErrorDocument(text: string): ErrorDocument {
  const named = (element: string): string | undefined => nameOf(textOf(text, element)?.trim());
  const size = named('ActualObjectSize');
  return {
    code: named('Code'),
    message: messageOf(text),
    region: named('Region'),
    requestId: named('RequestId'),
    actualSize: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : undefined,
  };
}

function messageOf(text: string): string | undefined {
  // Ends of lines and control characters would begin a line of their own in a log.
  const message = decoded(textOf(text, 'Message') ?? '')
    .replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ')
    .trim();
  if (message === '') return undefined;
  return message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}...` : message;
}

/** The text of the first element of this name that has nothing but text in it. */
function textOf(text: string, element: string): string | undefined {
  const start = text.indexOf(`<${element}>`);
  if (start < 0) return undefined;
  const from = start + element.length + 2;
  const end = text.indexOf('<', from);
  return end >= 0 && text.startsWith(`</${element}>`, end) ? text.slice(from, end) : undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function decoded(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}
