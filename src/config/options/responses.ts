// How files are sent.
import {
  checkAddedFields,
  checkFields,
  checkMediaType,
  checkPattern,
  checkTypes,
  count,
  duration,
  fromFile,
  onOff,
  size,
} from '../values.js';
import { option } from './option.js';

/** Cache-Control for files whose path below the prefix matches. */
export interface CacheRule {
  /** A regular expression. */
  readonly match: string;
  readonly value: string;
}

export const RESPONSES = {
  maxAge: option({
    type: duration,
    contexts: ['server', 'media', 'static'],
    default: '60s',
    nginx: 'expires',
    doc: 'how long browsers and caches may keep a file without asking again (`Cache-Control: public, max-age=…`)',
  }),
  cacheSize: option({
    type: size,
    contexts: ['server'],
    default: '64mb',
    nginx: 'open_file_cache',
    doc: 'memory for small files that are asked for often; each request still checks that the file is the same; `0` turns it off',
  }),
  maxRanges: option({
    type: count,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '64',
    nginx: 'max_ranges',
    doc: 'ranges in one request; a request for more gets the whole file, and `0` means that ranges are not served',
  }),
  sendfile: option({
    type: onOff,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'on',
    nginx: 'sendfile',
    doc: 'large files go to the client in one copy within the kernel, on Linux and where the optional package koffi is installed; off for file systems that give old bytes to mappings, such as shared folders of virtual machines',
  }),
  limitRate: option({
    type: size,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '0',
    nginx: 'limit_rate',
    doc: 'bytes a second for each response; `0` means no limit',
  }),
  limitRateAfter: option({
    type: size,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '0',
    nginx: 'limit_rate_after',
    doc: 'bytes of a response that are sent before `limitRate` counts',
  }),
  precompressed: option({
    type: fromFile<readonly ('br' | 'zst' | 'gz')[]>({ type: 'array', items: { enum: ['br', 'zst', 'gz'] } }),
    contexts: ['media', 'static', 'internal'],
    nginx: 'gzip_static',
    doc: 'siblings (`app.css.br`, `.zst`, `.gz`) that are sent in place of a file to clients that accept them; for `static` all three, for `media` and from buckets none by default; one that is more than two seconds older than its file is of another version and is left out, as is one that is not smaller',
  }),
  cacheControl: option({
    type: fromFile<readonly CacheRule[]>(
      {
        type: 'array',
        items: {
          type: 'object',
          properties: { match: { type: 'string' }, value: { type: 'string' } },
          required: ['match', 'value'],
          additionalProperties: false,
        },
      },
      (rules) => {
        for (const { match, value } of rules) {
          checkPattern(match);
          checkFields({ 'Cache-Control': value });
        }
      },
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'expires',
    doc: 'Cache-Control by name: a list of `{ "match": "woff2$", "value": "public, max-age=31536000" }`, a regular expression on the decoded path below the prefix; the first that matches counts, before `maxAge`; an empty value sends none',
  }),
  headers: option({
    type: fromFile<Readonly<Record<string, string>>>(
      { type: 'object', additionalProperties: { type: 'string' } },
      checkAddedFields,
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'add_header',
    doc: "more response fields; one that is sent by default is replaced, and removed when the value is empty, which for `Content-Security-Policy` and `X-Content-Type-Options` of uploads lets a stranger's file run as part of your site; `Content-Type` stands for all files of the location, `ETag` and `Last-Modified` can only be removed, and what the server sets for each response (`Content-Length`, `Connection`, `Date` and the like) is refused",
  }),
  cors: option({
    type: fromFile<'*' | readonly string[]>({
      anyOf: [{ const: '*' }, { type: 'array', items: { type: 'string', pattern: '^https?://[^/\\s]+$' } }],
    }),
    contexts: ['media', 'static', 'internal'],
    nginx: 'add_header Access-Control-Allow-Origin',
    doc: 'origins whose pages may read the files (fonts, canvas, fetch): `"*"` or a list such as `["https://app.example.com"]`; never with credentials. Refusals can be read, too, and preflights are answered before `authRequest` and `secureLink` decide; with `authRequest`, pages may send `Authorization`',
  }),
  types: option({
    type: fromFile<Readonly<Record<string, string>>>(
      { type: 'object', additionalProperties: { type: 'string' } },
      checkTypes,
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'types',
    doc: 'Content-Type by extension, before the built-in table: `{ "glb": "model/gltf-binary" }`; a type given here is sent as it is, also when it makes uploads run as code',
  }),
  defaultType: option({
    type: fromFile<string>({ type: 'string' }, checkMediaType),
    contexts: ['media', 'static', 'internal'],
    default: 'application/octet-stream',
    nginx: 'default_type',
    doc: 'Content-Type of unknown extensions',
  }),
  charset: option({
    type: fromFile<string>({ type: 'string', pattern: '^[\\w.:+-]+$' }),
    contexts: ['media', 'static', 'internal'],
    default: 'utf-8',
    nginx: 'charset',
    doc: 'charset of text types; `off` for none',
  }),
};
