/** Where media-serve refuses, or says more, because uploads are strangers' bytes on the app's own origin. */
import type { Outcome } from './outcome.js';
import { refused } from './refused.js';
import { type Facts, fileOf, isHidden, isRead, type Rule, typeOf, withHeaders, withType } from './rule.js';
import type { Found } from './tree.js';

/** 404 for reading what is of this kind. */
function notFound(expected: Outcome, facts: Facts, kind: Found['kind']): Outcome | undefined {
  return isRead(facts) && facts.tree.find(facts.path).kind === kind
    ? refused(expected, facts, 404)
    : undefined;
}

/** Whether the expected answer is about the bytes of a file. */
function tellsOfFile(expected: Outcome, facts: Facts): boolean {
  return fileOf(facts) !== undefined && [200, 206, 304].includes(expected.status);
}

const isUpload = (expected: Outcome, facts: Facts): boolean =>
  facts.location === 'media' && tellsOfFile(expected, facts);

/** What a page can load as code. */
const CODE = /^text\/(css|javascript)/;

/** What browsers show or play, and never run. */
const SHOWN = /^(image\/jpeg|video\/|application\/pdf)/;

export const RULES_FOR_UPLOADS: readonly Rule[] = [
  {
    name: 'Names that begin with a dot',
    nginx: 'files like others',
    ours: '404, except `.well-known` and `.thumbnails`',
    reason: 'safety: `.env`, `.git`, `.htpasswd`',
    edit(expected, facts) {
      return isRead(facts) && isHidden(facts.path) ? refused(expected, facts, 404) : undefined;
    },
  },
  {
    name: 'Links that lead out of the root',
    nginx: 'followed',
    ours: '404',
    reason: 'safety: an upload must not become a way to the rest of the disk',
    edit: (expected, facts) => notFound(expected, facts, 'outside'),
  },
  {
    name: 'Links in a circle',
    nginx: '403',
    ours: '404',
    reason: 'RFC 9110 §15.5.5: there is no file, and nothing that is forbidden',
    edit: (expected, facts) => notFound(expected, facts, 'loop'),
  },
  {
    name: 'Directories',
    nginx: '301 to the slash, then `index.html` or 403',
    ours: '404',
    reason: 'safety: what directories there are is not told, and no Location repeats what the client sent',
    edit: (expected, facts) => notFound(expected, facts, 'directory'),
  },
  {
    name: 'Scripts and style sheets among uploads',
    nginx: '`text/javascript`, `text/css`',
    ours: '`text/plain`',
    reason: 'safety: with nosniff no page can load them as code (WHATWG Fetch)',
    edit(expected, facts) {
      if (!isUpload(expected, facts) || expected.status === 304 || !CODE.test(typeOf(facts.path)))
        return undefined;
      return withType(expected, 'text/plain; charset=utf-8');
    },
  },
  {
    name: 'Content-Security-Policy',
    nginx: 'none',
    ours: "on uploads that are not pictures, film, sound, fonts or PDF: `sandbox; default-src 'none'; …`",
    reason: 'safety: an uploaded page must not act as the user who opens it',
    edit(expected, facts) {
      if (!isUpload(expected, facts) || SHOWN.test(typeOf(facts.path))) return undefined;
      return withHeaders(expected, {
        'content-security-policy': "sandbox; default-src 'none'; style-src 'unsafe-inline'",
      });
    },
  },
  {
    name: 'Cross-Origin-Resource-Policy',
    nginx: 'none',
    ours: '`cross-origin` on uploads',
    reason: 'uploads are public: pages with Cross-Origin-Embedder-Policy may show them, too',
    edit(expected, facts) {
      if (!isUpload(expected, facts)) return undefined;
      return withHeaders(expected, { 'cross-origin-resource-policy': 'cross-origin' });
    },
  },
  {
    name: 'X-Content-Type-Options',
    nginx: 'none',
    ours: '`nosniff`',
    reason: 'safety: a text that looks like a page stays a text',
    edit(expected, facts) {
      if (!tellsOfFile(expected, facts)) return undefined;
      return withHeaders(expected, { 'x-content-type-options': 'nosniff' });
    },
  },
  {
    name: 'Cache-Control',
    nginx: 'none (`expires off`)',
    ours: '`public, max-age=60`; `public, max-age=31536000, immutable` for static names with a hash',
    reason: 'RFC 9111 §4.2.2: without it caches guess, and the older the upload, the longer they keep it',
    edit(expected, facts) {
      if (!tellsOfFile(expected, facts)) return undefined;
      const isHashed = facts.location === 'static' && /\.[0-9a-f]{12}\.[^./]+$/.test(facts.path);
      return withHeaders(expected, {
        'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'public, max-age=60',
      });
    },
  },
];
