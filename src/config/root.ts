// How it is written where the files of a location are: a directory, or a bucket as `s3://bucket/prefix` and its store. What other programs take for a bucket,
// and what is easily written for one, would be a directory of an odd name: it is refused, with what to write.
import { resolve } from 'node:path';
import { checkRegion, type Endpoint, parseBucketUrl, parseEndpoint } from './bucket.js';
import { quote } from './errors.js';
import { asMeant, trimMistakes, withoutShell } from './text.js';
import { directory, prefix, type ValueType } from './values.js';

/** Whether a root that has been read is a bucket. */
export function isBucketRoot(root: string): boolean {
  return root.startsWith('s3://');
}

/** A directory, made absolute against the working directory, or the URL of a bucket as it was written. */
export const root: ValueType<string> = rootFrom('');

/**
 * The same, where relative directories start elsewhere.
 * @param start a directory; the working directory when empty
 */
export function rootFrom(start: string): ValueType<string> {
  return {
    ...directory,
    // A message about it must not show a password.
    isVerbatim: true,
    parse(value) {
      if (typeof value !== 'string') return directory.parse(value);
      refuseSecrets(value);
      const text = asMeant(value);
      if (isBucketRoot(text)) {
        parseBucketUrl(text);
        return text;
      }
      refuseElsewhere(text);
      return directory.parse(text === '' ? text : resolve(start, withoutShell(text)));
    },
  };
}

/** `PREFIX=DIR`: a URL prefix, and the directory or bucket that is mounted there. */
export const mount: ValueType<Mount> = {
  placeholder: 'PREFIX=DIR',
  schema: { type: 'string', pattern: '.=.' },
  repeatable: true,
  // Each half is looked at by itself.
  isVerbatim: true,
  parse(value) {
    const text = trimMistakes(String(value));
    refuseSecrets(text);
    const equals = text.indexOf('=');
    if (equals < 1 || equals === text.length - 1) {
      throw new TypeError(`${quote(value)} is not PREFIX=DIR; write for example /media/=./uploads`);
    }
    return {
      prefix: prefix.parse(asMeant(text.slice(0, equals))),
      root: root.parse(text.slice(equals + 1)),
    };
  },
};

/** A directory or a bucket under a URL prefix. */
export interface Mount {
  readonly prefix: string;
  readonly root: string;
}

/** The address of a store. */
export const endpoint: ValueType<Endpoint> = {
  placeholder: 'URL',
  schema: { type: 'string', minLength: 1 },
  // A message about it must not show a password.
  isVerbatim: true,
  parse: (value) => parseEndpoint(trimMistakes(String(value))),
};

/** What AWS calls a part of the world. */
export const region: ValueType<string> = {
  placeholder: 'REGION',
  schema: { type: 'string', minLength: 1 },
  parse(value) {
    const text = String(value);
    checkRegion(text);
    return text;
  },
};

/** As in `/media/=s3://KEY:SECRET@bucket`, too; s3a and s3n are Hadoop's. */
const SECRET_IN_BUCKET = /s3[an]?:\/\/(?!arn:)[^/]*:/i;
/** The same as whoever is in a hurry writes it: `s3:/KEY:SECRET@bucket`, `s3:KEY:SECRET@bucket`, `"S3:\\KEY:SECRET@bucket`. */
const SECRET_BEHIND_S3 = /^[^\w./\\~-]*s3[an]?:[\\/]*(?!arn:)[^\\/]*[:@]/i;
const NAME_IN_URL = /:\/\/[^/]*@/;

/** Some tools take `s3://KEY:SECRET@bucket`; here all can read it. The value is not repeated. */
function refuseSecrets(text: string): void {
  if (SECRET_IN_BUCKET.test(text) || SECRET_BEHIND_S3.test(text) || NAME_IN_URL.test(text)) {
    throw new TypeError(
      'it has a name, a password or a port in front of its path; write s3://bucket/prefix, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and give the address of a store that is not AWS as --s3-endpoint',
    );
  }
}

/** Says what to write in place of an address. */
type Cure = (text: string, rest: string) => string;

const GOOGLE: Cure = (_, rest) =>
  `is in Google's storage, which speaks S3, too; write s3://${rest} and --s3-endpoint https://storage.googleapis.com, with an HMAC key as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
const AZURE: Cure = () =>
  "is in Azure's storage, which does not speak S3; mount it, and name the directory, or put a gateway that speaks S3 in front of it";

/** What is no directory and no bucket, as it begins, and what of it goes on. */
const ELSEWHERE: readonly (readonly [beginning: RegExp, cure: Cure])[] = [
  [/^s3:\/\//i, (_, rest) => `has a scheme with a capital; write s3://${rest}`],
  [
    /^s3:\/?(?!\/)/i,
    (text, rest) =>
      `is not how buckets are written; write s3://${rest}, or ./${text} for a directory of that name`,
  ],
  [/^arn:aws[\w-]*:s3:::/, (_, rest) => `is a name within AWS; write s3://${rest}`],
  [/^gs:\/\//i, GOOGLE],
  [/^https?:\/\/storage\.(?:googleapis|cloud\.google)\.com\//i, GOOGLE],
  [/^(?:az|azure|wasbs?|abfss?):\/\//i, AZURE],
  [/^https?:\/\/[^/]+\.(?:blob|dfs)\.core\.windows\.net(?:\/|$)/i, AZURE],
  [/^file:\/\/(?:localhost)?/i, (_, rest) => `is a URL; write the path, ${rest}`],
];

/** @throws {TypeError} when the text is an address of something else */
function refuseElsewhere(written: string): void {
  // Behind the `?` of a signed link stands what gives access.
  const text = /^https?:/i.test(written) ? written.replace(/[?#].*$/s, '') : written;
  for (const [beginning, cure] of ELSEWHERE) {
    const [found] = beginning.exec(text) ?? [];
    if (found !== undefined)
      throw new TypeError(`${quote(text)} ${cure(text, text.slice(found.length) || 'bucket/prefix')}`);
  }
  // Says which bucket was meant.
  if (/^https?:/i.test(text)) parseBucketUrl(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    throw new TypeError(
      `${quote(text)} is neither a directory nor a bucket; write ./media, or s3://bucket/prefix and --s3-endpoint for a store that speaks S3`,
    );
  }
}
