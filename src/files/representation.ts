// A file as it is offered: its validators, and the fields of its response that no request changes (RFC 9110 §8).
import type { FileLocation } from '../config/location.js';
import { replaceFields, withoutFields } from '../http/fields.js';
import type { Validators } from '../http/validators.js';
import type { FileVersion, ObjectDescription, VersionMark } from '../stores/store.js';
import { cacheControlFor } from './cache-control.js';
import type { ContentTypeOf } from './content-type.js';
import { securityFieldsFor } from './security-headers.js';

/** A file with what is said of it. */
export interface Representation {
  readonly file: RepresentedFile;
  readonly version: FileVersion;
  readonly validators: Validators;
  /** Fields of every response, 304 included, names and values in turn. */
  readonly fields: readonly string[];
  /** Fields of responses with content, names and values in turn. */
  readonly contentFields: readonly string[];
  /** Empty when the operator wants none to be sent. */
  readonly contentType: string;
}

/** The file that is sent, and the one that was asked for: a precompressed sibling has its original's type. */
export interface RepresentedFile {
  /** Path below the prefix of the file that was asked for. */
  readonly name: string;
  readonly version: FileVersion;
  /** Of that version. */
  readonly mark: VersionMark;
  /** Content coding, when the file is a precompressed sibling. */
  readonly coding: string | undefined;
  /** As the app says; the name tells when it says nothing. */
  readonly contentType?: string | undefined;
  /** What its store says of it. */
  readonly said?: ObjectDescription | undefined;
}

/**
 * What keeps the tags of siblings apart, which may have the same size and time. gzip has none, as with nginx's
 * gzip_static; the original's differs by its size.
 */
const TAG_SUFFIXES: ReadonlyMap<string | undefined, string> = new Map([
  ['br', '-br'],
  ['zstd', '-zstd'],
]);

/** Security fields that depend on the type. */
const TOLD_BY_TYPE: readonly string[] = ['Content-Security-Policy', ''];

/** How a location describes its files. */
export type Describe = (file: RepresentedFile) => Representation;

/**
 * Computes what holds for all files of a location once.
 * @param varies whether files of this type are negotiated
 */
export function describeFor(
  location: FileLocation,
  contentTypeOf: ContentTypeOf,
  varies: (contentType: string) => boolean,
): Describe {
  const cacheControlOf = cacheControlFor(location);
  const securityFieldsOf = securityFieldsFor(location);
  const configured = Object.entries(location.headers ?? {}).flat();
  // contentTypeOf knows it.
  const own = withoutFields(configured, ['Content-Type', '']);
  // What is said of the files' coding is not true of their siblings.
  const ownOfSiblings = withoutFields(own, ['Content-Encoding', '']);
  return (file) => {
    const { name, version, mark, coding, said } = file;
    const added = coding === undefined ? own : ownOfSiblings;
    const contentType = file.contentType ?? contentTypeOf(name, said?.contentType);
    const validators = mark.validators(Date.now(), TAG_SUFFIXES.get(coding));
    const fields: string[] = [];
    if (validators.lastModifiedText !== undefined) fields.push('Last-Modified', validators.lastModifiedText);
    if (validators.etag !== undefined) fields.push('ETag', validators.etag);
    const isWhole = said?.isWhole ?? true;
    const cacheControl = cacheControlOf(name, said?.cacheControl);
    if (cacheControl !== '') fields.push('Cache-Control', cacheControl);
    // A 304 replaces what a cache has of the fields that it repeats: what is not known here must not be in it.
    const security = securityFieldsOf(contentType);
    fields.push(...(isWhole ? security : withoutFields(security, TOLD_BY_TYPE)));
    const contentFields = contentType === '' ? [] : ['Content-Type', contentType];
    if (coding !== undefined) contentFields.push('Content-Encoding', coding);
    if (said !== undefined) contentFields.push(...saidFields(said));
    if (location.maxRanges > 0) contentFields.push('Accept-Ranges', 'bytes');
    return {
      file,
      version,
      validators,
      // Not replaced by a Vary of the operator's: a cache that did not know would send one coding to everybody.
      fields: [...replaceFields(fields, added), ...(varies(contentType) ? ['Vary', 'Accept-Encoding'] : [])],
      contentFields: withoutFields(contentFields, added),
      contentType,
    };
  };
}

/** Fields that are stored with an object, and say what its content is. */
function saidFields({
  contentDisposition,
  contentLanguage,
  contentEncoding,
}: ObjectDescription): readonly string[] {
  const fields: string[] = [];
  if (contentDisposition !== undefined) fields.push('Content-Disposition', contentDisposition);
  if (contentLanguage !== undefined) fields.push('Content-Language', contentLanguage);
  if (contentEncoding !== undefined) fields.push('Content-Encoding', contentEncoding);
  return fields;
}
