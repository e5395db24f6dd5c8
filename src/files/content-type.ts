// Content-Type by the name's extension (nginx: types, default_type, charset).
import { lookup } from 'mime-types';
import type { FileLocation } from '../config/location.js';
import { fieldValue } from '../http/fields.js';
import { essenceOf } from '../http/media-type.js';
import { ownString } from '../http/own-string.js';
import { type BytePath, toText } from '../http/target.js';

/** Types of text beside text/* that are sent with a charset. */
const TEXT_TYPES = /^(?:text\/|application\/(?:javascript|json|xml|[\w.-]+\+(?:json|xml))$|image\/svg\+xml$)/;

/**
 * Types that a page can load as code. From uploads they are sent as plain text: together with nosniff no
 * `<script src>`, stylesheet, worker or module of any page takes them (WHATWG Fetch, "should response to request be
 * blocked due to nosniff").
 */
const CODE_TYPES =
  /^(?:text|application)\/(?:x-)?(?:javascript\d*(?:\.\d)?|ecmascript|jscript|livescript|css|wasm|vbscript)$/;

/** What a store says of everything that nobody has said a type of; and what leaves it to its content which type it is. */
const SAYS_NOTHING = /^(?:(?:application|binary)\/octet-stream|multipart\/.*)$/;

/** The Content-Type field for a file; `said` is the type that its store says, if it says one. */
export type ContentTypeOf = (name: BytePath, said?: string) => string;

/** The Content-Type field for each file of a location; empty where the operator wants none. */
export function contentTypeFor(
  location: Pick<FileLocation, 'kind' | 'types' | 'defaultType' | 'charset'> &
    Partial<Pick<FileLocation, 'headers'>>,
): ContentTypeOf {
  const ofAll = fieldValue(Object.entries(location.headers ?? {}).flat(), 'content-type');
  if (ofAll !== undefined) return () => ofAll;
  const own = new Map(
    Object.entries(location.types ?? {}).map(([extension, type]) => [extension.toLowerCase(), type]),
  );
  const computed = new Map<string, string>();
  const ofSaid = (said: string | undefined, name: BytePath): string | undefined => {
    const essence = said === undefined ? undefined : essenceOf(said);
    if (said === undefined || essence === undefined || SAYS_NOTHING.test(essence)) return undefined;
    // What the operator says of names is for whatever has such a name.
    if (own.has(toText(extensionOf(name)).toLowerCase())) return undefined;
    const type = harmless(essence, location.kind);
    // What it says of the charset is known better there.
    return type !== essence || !said.includes(';') ? withCharset(type, location.charset) : said;
  };
  return (name, said) => {
    const stored = ofSaid(said, name);
    if (stored !== undefined) return stored;
    const extension = extensionOf(name);
    const known = computed.get(extension);
    if (known !== undefined) return known;
    const lower = toText(extension).toLowerCase();
    const ownType = own.get(lower);
    const builtIn = lookup(`x.${lower}`) || undefined;
    const type =
      ownType ?? withCharset(harmless(builtIn ?? location.defaultType, location.kind), location.charset);
    // Extensions come from clients: only those that a table knows are kept, so that what they fill has a bound.
    if ((ownType ?? builtIn) !== undefined && computed.size < 4096) computed.set(ownString(extension), type);
    return type;
  };
}

/** What follows the last dot of the name's last segment; empty when there is none. */
function extensionOf(name: BytePath): string {
  const dot = name.lastIndexOf('.');
  return dot > name.lastIndexOf('/') ? name.slice(dot + 1) : '';
}

function harmless(type: string, kind: FileLocation['kind']): string {
  return kind === 'media' && CODE_TYPES.test(type) ? 'text/plain' : type;
}

function withCharset(type: string, charset: string): string {
  return charset !== 'off' && TEXT_TYPES.test(type) ? `${type}; charset=${charset}` : type;
}
