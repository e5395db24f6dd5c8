/**
 * Files that only some may read, handed out by the libraries that people use, unchanged: django-sendfile2 (nginx and
 * xsendfile) and django-private-storage (nginx and apache); by authRequest; and by links that Django signs.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Deployment, type Site, USERS } from '../support/python.js';
import { Visitor } from './visitor.js';

/** Names that are awkward in a URL, in a header field, or in latin-1. */
const NAMES = [
  'plain.txt',
  'with space.txt',
  'Bericht für Ämter.txt',
  'смета – 2026 ŝ.txt',
  '100% sure.txt',
  'a%20b.txt',
  'c+d & e=f.txt',
  'question?hash#semi;colon.txt',
  '🦊.txt',
];

const contentOf = (name: string): string => `this is ${name}, and more of it`;

/** Writes the documents and a config file with the guarded locations, and returns the arguments for them. */
export function prepareDocuments({ directory, protectedRoot, linkSecret }: Site): string[] {
  for (const name of NAMES) writeFileSync(join(protectedRoot, name), contentOf(name));
  writeFileSync(join(directory, 'link.key'), linkSecret);
  const secret = { kind: 'media', root: protectedRoot, secureLinkSecret: 'file:link.key' };
  const locations = [
    { kind: 'media', prefix: '/asked/', root: protectedRoot, authRequest: '/documents/may-i/' },
    { ...secret, prefix: '/signed/', secureLink: 'hmac-sha256' },
    { ...secret, prefix: '/signed-md5/', secureLink: 'md5' },
  ];
  const config = join(directory, 'media-serve.json');
  writeFileSync(config, JSON.stringify({ locations }));
  return ['--config', config, '--internal', `/protected/=${protectedRoot}`];
}

async function visitors(
  t: Test,
  origin: string,
): Promise<{ member: Visitor; guest: Visitor; stranger: Visitor }> {
  const [member, guest, stranger] = [new Visitor(origin), new Visitor(origin), new Visitor(origin)];
  t.teardown(() => Promise.all([member.leave(), guest.leave(), stranger.leave()]));
  await member.login(USERS.member, USERS.password);
  await guest.login(USERS.refused, USERS.password);
  return { member, guest, stranger };
}

export async function libraries(t: Test, { origin, front }: Deployment): Promise<void> {
  const { member, guest, stranger } = await visitors(t, origin);
  const before = front.log.length;
  for (const view of ['/documents/sendfile/', '/documents/private/']) {
    await t.test(`${view} hands out files of every name`, async (t) => {
      for (const name of NAMES) {
        const response = await member.get(view + encodeURIComponent(name));
        t.equal(response.status, 200, name);
        t.equal(await response.text(), contentOf(name));
        t.equal(response.headers.get('content-length'), String(Buffer.byteLength(contentOf(name))));
        t.match(response.headers.get('content-type'), /^text\/plain/);
        t.match(response.headers.get('content-disposition'), /^inline/, "the library's own field");
        for (const field of ['x-accel-redirect', 'x-sendfile']) t.notOk(response.headers.has(field));
      }
    });

    await t.test(`${view} with a range, a condition and HEAD`, async (t) => {
      const target = view + encodeURIComponent('смета – 2026 ŝ.txt');
      const part = await member.get(target, { range: 'bytes=5-6' });
      t.equal(part.status, 206);
      t.equal(await part.text(), 'is');
      const etag = part.headers.get('etag') ?? '';
      const known = await member.get(target, { 'if-none-match': etag });
      t.equal(known.status, 304);
      const head = await member.request(target, { method: 'HEAD' });
      t.equal(head.status, 200);
      t.equal(head.headers.get('etag')?.replace('W/', ''), etag.replace('W/', ''));
    });

    await t.test(`${view} refuses who may not`, async (t) => {
      const target = `${view}plain.txt`;
      const refused = await guest.get(target);
      t.equal(refused.status, 403);
      t.notMatch(await refused.text(), 'this is');
      const unknown = await stranger.get(target);
      t.equal(unknown.status, 302);
      t.match(unknown.headers.get('location'), '/login/');
      t.equal((await member.get(`${view}missing.txt`)).status, 404);
      t.equal(
        (await member.get('/protected/plain.txt')).status,
        404,
        'nobody has the file by its own address',
      );
    });
  }

  await t.test('a download is named by the library', async (t) => {
    const name = 'Bericht für Ämter.txt';
    const { headers } = await member.get(`/documents/sendfile/${encodeURIComponent(name)}?attachment=1`);
    t.match(headers.get('content-disposition'), `filename*=UTF-8''${encodeURIComponent(name)}`);
  });

  t.equal(
    front.log.slice(before).filter((line) => Number(line['level']) >= 40).length,
    0,
    'nothing of it is worth a warning',
  );
}

export async function askedAndSigned(t: Test, { origin }: Deployment): Promise<void> {
  const { member, guest, stranger } = await visitors(t, origin);

  await t.test('Django is asked before each file', async (t) => {
    for (const name of NAMES) {
      const response = await member.get(`/asked/${encodeURIComponent(name)}`);
      t.equal(response.status, 200, name);
      t.equal(await response.text(), contentOf(name));
    }
    t.equal((await guest.get('/asked/plain.txt')).status, 403);
    const unknown = await stranger.get('/asked/plain.txt');
    t.equal(unknown.status, 401);
    t.match(unknown.headers.get('www-authenticate'), 'Session realm="documents"');
  });

  await t.test('links that Django signs open their file for anyone, until they expire', async (t) => {
    for (const [scheme, prefix] of [
      ['hmac-sha256', '/signed/'],
      ['md5', '/signed-md5/'],
    ] as const) {
      const sign = async (name: string, seconds: number): Promise<string> => {
        const query = new URLSearchParams({ path: prefix + name, seconds: String(seconds) });
        const links = await (await member.get(`/documents/signed/?${query}`)).json();
        return (links as Record<string, string>)[scheme] ?? '';
      };
      for (const name of NAMES) {
        const link = await sign(name, 60);
        const response = await stranger.get(link);
        t.equal(response.status, 200, link);
        t.equal(await response.text(), contentOf(name));
      }
      const link = await sign('plain.txt', 60);
      t.equal((await stranger.get(link.replace('plain', 'with%20space'))).status, 403, "another file's");
      t.equal((await stranger.get(await sign('plain.txt', -60))).status, 410);
      t.equal((await stranger.get(`${prefix}plain.txt`)).status, 403);
    }
  });
}
