/** Where the choice among precompressed siblings differs (nginx: gzip_static). */
import { CODINGS, type Coding, choose, weightOf } from './negotiate.js';
import { refused } from './refused.js';
import { value } from './request.js';
import {
  type Facts,
  fileOf,
  type Rewritten,
  type Rule,
  targetOf,
  typeOf,
  withField,
  withHeaders,
  withTarget,
  withType,
} from './rule.js';

/** What is compressed in itself, and never sent compressed again. */
function isCompressed(type: string): boolean {
  return /^(image\/(?!svg)|video\/|audio\/)/.test(type);
}

/** The codings that a file is there in: regular files inside the root, smaller than the original and not older by more than 2 s. */
function siblings({ tree, path }: Facts): Coding[] {
  const original = tree.file(path);
  if (original === undefined || isCompressed(typeOf(path))) return [];
  return (Object.keys(CODINGS) as Coding[]).filter((coding) => {
    const sibling = tree.file(path + CODINGS[coding]);
    if (sibling === undefined) return false;
    return sibling.seconds >= original.seconds - 2 && sibling.body.length < original.body.length;
  });
}

/** The coding that the request is to be answered with. */
function chosen(facts: Facts): Coding | undefined {
  const field = value(facts.request, 'accept-encoding');
  if (field === undefined || facts.location !== 'static' || fileOf(facts) === undefined) return undefined;
  return choose(field, siblings(facts));
}

/** What stands at the end of a sibling's ETag. gzip has nothing, as in nginx. */
const TAG_SUFFIXES: Readonly<Record<Coding, string>> = { br: '-br', zstd: '-zstd', gzip: '' };

/** Asks nginx for the sibling itself. */
function asSibling({ tree, rewritten, path }: Facts, coding: Coding): Partial<Rewritten> {
  const file = path + CODINGS[coding];
  const suffix = TAG_SUFFIXES[coding];
  const plain = tree.file(file)?.etag.slice(1, -1);
  // nginx knows the sibling by its plain tag, and our clients know it by ours.
  const translated = ['If-Match', 'If-None-Match', 'If-Range'].reduce((request, name) => {
    const field = value(request, name.toLowerCase());
    const text = field?.replace(/"([^"]*)"/g, (tag, opaque: string) =>
      opaque === `${plain}${suffix}` ? `"${plain}"` : opaque === plain ? '"another"' : tag,
    );
    return field === text ? request : withField(request, name, text);
  }, rewritten.request);
  const request = withField(translated, 'Accept-Encoding', undefined);
  return {
    request: withTarget(request, targetOf(file)),
    path: file,
    answer(outcome) {
      const { etag } = outcome.headers;
      const tagged =
        typeof etag === 'string' ? withHeaders(outcome, { etag: etag.replace(/"$/, `${suffix}"`) }) : outcome;
      if (outcome.status !== 200 && outcome.status !== 206) return tagged;
      return withHeaders(withType(tagged, typeOf(path)), { 'content-encoding': coding });
    },
  };
}

function withoutCoding({ rewritten }: Facts): Partial<Rewritten> {
  return { request: withField(rewritten.request, 'Accept-Encoding', undefined) };
}

const namesGzip = (facts: Facts): boolean =>
  /(^|[,\s])gzip\b/i.test(value(facts.request, 'accept-encoding') ?? '');

export const RULES_FOR_NEGOTIATION: readonly Rule[] = [
  {
    name: 'A compressed sibling that does not belong to the file',
    nginx:
      'sent: one older than the file by more than two seconds, or larger, one out of the root, one whose file is gone, one of a JPEG',
    ours: 'ignored',
    reason: 'safety: it is another version, or no part of the site, or of no use',
    rewrite(facts) {
      if (facts.location !== 'static' || !facts.path.startsWith('/static/') || !namesGzip(facts))
        return undefined;
      const found = facts.tree.find(`${facts.path}.gz`).kind;
      const isThere = found === 'file' || found === 'outside';
      return isThere && !siblings(facts).includes('gzip') ? withoutCoding(facts) : undefined;
    },
  },
  {
    name: 'Brotli and Zstandard siblings',
    nginx: 'not sent without modules of others',
    ours: 'sent to who accepts them, with ETags of their own; among equals `br` before `zstd` before `gzip`',
    reason: 'RFC 9110 §12.5.3',
    rewrite(facts) {
      const coding = chosen(facts);
      return coding === 'br' || coding === 'zstd' ? asSibling(facts, coding) : undefined;
    },
  },
  {
    name: 'Weights in Accept-Encoding',
    nginx: 'any `gzip` above zero wins, and `*` means nothing',
    ours: 'the highest weight wins, `identity` among them, and `*` stands for every coding not named',
    reason: 'RFC 9110 §12.5.3',
    rewrite(facts) {
      const coding = chosen(facts);
      if (coding === 'gzip' && !namesGzip(facts)) return asSibling(facts, coding);
      const field = value(facts.request, 'accept-encoding') ?? '';
      const isRefused =
        coding === undefined && (weightOf(field, 'gzip') ?? 0) > 0 && siblings(facts).includes('gzip');
      return isRefused && fileOf(facts) !== undefined ? withoutCoding(facts) : undefined;
    },
  },
  {
    name: 'Accept-Encoding that nothing satisfies',
    nginx: 'the file as it is',
    ours: '406 for static files, when `identity` is refused and there is no sibling to send',
    reason: 'RFC 9110 §12.5.3, §15.5.7',
    edit(expected, facts) {
      const field = value(facts.request, 'accept-encoding');
      if (field === undefined || facts.location !== 'static' || fileOf(facts) === undefined) return undefined;
      if (isCompressed(typeOf(facts.path))) return undefined;
      return weightOf(field, 'identity') === 0 && chosen(facts) === undefined
        ? refused(expected, facts, 406)
        : undefined;
    },
  },
  {
    name: 'Vary',
    nginx: 'where there is a `.gz`, of whatever kind and age',
    ours: 'on every static file whose type may be sent compressed',
    reason: 'RFC 9110 §12.5.5: the sibling may come later',
    edit(expected, facts) {
      if (!['200', '206', '304'].includes(String(expected.status)) || facts.location !== 'static')
        return undefined;
      return withHeaders(expected, {
        vary: isCompressed(typeOf(facts.path)) ? undefined : 'Accept-Encoding',
      });
    },
  },
  {
    name: 'A range of a compressed sibling',
    nginx: 'the whole of it',
    ours: 'the range, and Accept-Ranges says that ranges are had',
    reason: 'RFC 9110 §14.2: the range is one of the chosen representation',
    rewrite(facts) {
      return chosen(facts) === 'gzip' && namesGzip(facts) ? asSibling(facts, 'gzip') : undefined;
    },
  },
];
