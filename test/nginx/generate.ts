/**
 * Requests for fast-check to make: around real files and well-formed fields, so that much of what comes is
 * answered with bytes, and with everything that can be wrong mixed in.
 */
import fc from 'fast-check';
import { codings, date, etags, type FieldValue, ranges, type Subject, validator } from './generate-fields.js';
import { often, oneOf, targets } from './generate-targets.js';
import { parseRequest, type Request } from './request.js';
import type { Tree } from './tree.js';

const methods = fc.oneof(
  { weight: 14, arbitrary: fc.constant('GET') },
  { weight: 4, arbitrary: fc.constant('HEAD') },
  { weight: 2, arbitrary: oneOf('POST PUT DELETE OPTIONS PATCH TRACE PROPFIND FOO get') },
);

const hosts = fc.constantFrom('', 'Host: a/b', 'Host:', 'Host: example.org:80', 'HOST: [::1]');

const rarely = (field: FieldValue): ReturnType<typeof often<undefined, (file: Subject) => string>> =>
  often(8, undefined, field);

/** Requests for files of this tree. */
export function requests(tree: Tree): fc.Arbitrary<Request> {
  return fc
    .record({
      method: methods,
      target: targets,
      version: often(15, '1.1', fc.constant('1.0')),
      host: often(40, 'Host: example.org', hosts),
      fields: fc.record({
        Range: often(1, undefined, ranges),
        'If-Range': rarely(validator),
        'If-Match': rarely(etags),
        'If-None-Match': rarely(etags),
        'If-Modified-Since': rarely(date),
        'If-Unmodified-Since': rarely(date),
        'Accept-Encoding': often(1, undefined, codings),
        Connection: rarely(oneOf('close keep-alive Close TE').map((text) => () => text)),
      }),
      body: often(1, '', oneOf('a abc=def')),
    })
    .map(({ method, target: { target, path }, version, host, fields, body }) => {
      const subject = subjectAt(tree, path);
      const lines = [`${method} ${target} HTTP/${version}`, host];
      for (const [name, render] of Object.entries(fields)) {
        if (render !== undefined) lines.push(`${name}: ${render(subject)}`);
      }
      const hasBody = /^(POST|PUT|PATCH|DELETE)$/.test(method) && body !== '';
      if (hasBody) lines.push(`Content-Length: ${body.length}`);
      const head = lines.filter((line) => line !== '').join('\r\n');
      return parseRequest(`${head}\r\n\r\n${hasBody ? body : ''}`);
    });
}

function subjectAt(tree: Tree, path: string): Subject {
  const file = tree.file(path);
  if (file === undefined) return { size: 10, versions: [{ etag: '"0-0"', seconds: 0 }] };
  const siblings = ['.br', '.zst', '.gz'].flatMap((suffix) => tree.file(path + suffix) ?? []);
  const marked = ['.br', '.zst'].flatMap((suffix) => {
    const sibling = tree.file(path + suffix);
    const mark = suffix === '.br' ? '-br"' : '-zstd"';
    return sibling === undefined
      ? []
      : [{ etag: sibling.etag.replace(/"$/, mark), seconds: sibling.seconds }];
  });
  return { size: file.body.length, versions: [file, ...marked, ...siblings] };
}
