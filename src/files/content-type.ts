// Content-Type by the name's extension (nginx: types, default_type, charset).
import { contentType } from 'mime-types';

/** What an unknown extension is sent as; browsers save it instead of showing it. */
const DEFAULT_TYPE = 'application/octet-stream';

const known = new Map<string, string>();

/** The Content-Type field for a file of this name; text carries its charset. */
export function contentTypeOf(name: string): string {
  const extension = name.slice(name.lastIndexOf('.', name.length) + 1);
  let type = known.get(extension);
  if (type === undefined) {
    type = contentType(`x.${extension.toLowerCase()}`) || DEFAULT_TYPE;
    // Only what the table knows is kept: names come from clients, and what they can fill has a bound.
    if (type !== DEFAULT_TYPE) known.set(extension, type);
  }
  return type;
}
