// Media types (RFC 9110 §8.3.1), read so that nobody can read them otherwise.

/** RFC 9110 §5.6.2. */
const TOKEN = "[\\w!#$%&'*+.^`|~-]+";

/** Without slash and backslash: who splits at a comma within quotes, too, finds no second type there. */
const QUOTED = '"[\\t !#-.0-[\\]-~]*"';

/**
 * One media type with its parameters (RFC 9110 §8.3.1), and nothing else. Of several, as in `image/png, text/html`,
 * browsers take the last (WHATWG Fetch, "extract a MIME type"); an app repeats what an uploader said.
 */
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})(?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))*$`);

/** Type and subtype of exactly one well-formed media type, in lower case; undefined for anything else. */
export function essenceOf(mediaType: string): string | undefined {
  return MEDIA_TYPE.exec(mediaType)?.[1]?.toLowerCase();
}
