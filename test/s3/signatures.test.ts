// Signatures that are used again: as long as they are good, and no longer.
import t from 'tap';
import type { Credentials } from '../../src/s3/credentials.js';
import { Signatures } from '../../src/s3/signatures.js';
import { signedFields } from '../../src/s3/signing.js';
import { TEST_CREDENTIALS } from '../support/s3-stand-in.js';

const SCOPE = { region: 'us-east-1', authority: 'examplebucket.s3.amazonaws.com' };
const AT = Date.UTC(2013, 4, 24);

/** Asks in turn: one after another, as requests come. */
function ask(
  signatures: Signatures,
  {
    credentials = TEST_CREDENTIALS,
    method = 'GET',
    path = '/a.jpg',
    range = undefined,
    at = AT,
  }: {
    credentials?: Credentials;
    method?: 'GET' | 'HEAD';
    path?: string;
    range?: string | undefined;
    at?: number;
  } = {},
): Promise<string> | string {
  return signatures.linesFor(credentials, method, path, range, at);
}

t.test('what is asked for again within a minute is not signed again', async (t) => {
  const signatures = new Signatures(SCOPE);
  const first = await ask(signatures);
  t.equal(first, await signedFields(SCOPE, TEST_CREDENTIALS, 'GET', '/a.jpg', {}, AT));
  t.equal(ask(signatures, { at: AT + 59_999 }), first, 'at once');
  const later = await ask(signatures, { at: AT + 60_000 });
  t.match(later, /x-amz-date: 20130524T000100Z/);
  t.equal(ask(signatures, { at: AT + 119_000 }), later);
});

t.test('by a clock that is set back everything is signed anew', async (t) => {
  const signatures = new Signatures(SCOPE);
  await ask(signatures);
  t.match(await ask(signatures, { at: AT - 1000 }), /x-amz-date: 20130523T235959Z/);
});

t.test('each is for one request, and for one who asks', async (t) => {
  const signatures = new Signatures(SCOPE);
  const session = { ...TEST_CREDENTIALS, sessionToken: 'token' };
  const kinds = [
    {},
    { method: 'HEAD' as const },
    { path: '/b.jpg' },
    { range: 'bytes=0-9' },
    { range: 'bytes=0-10' },
    { credentials: session },
  ];
  for (const kind of kinds) {
    const { credentials = TEST_CREDENTIALS, method = 'GET', path = '/a.jpg', range } = kind;
    const fields: Record<string, string> = range === undefined ? {} : { range };
    const expected = await signedFields(SCOPE, credentials, method, path, fields, AT);
    t.equal(await ask(signatures, kind), expected, JSON.stringify(kind));
    t.equal(await ask(signatures, kind), expected, 'and again');
  }
  t.notMatch(await ask(signatures), /token/, 'whose credentials have changed is not taken for who they were');
});

t.test('one that was made for others than are asked for by now is not kept', async (t) => {
  const signatures = new Signatures(SCOPE);
  const renewed = { ...TEST_CREDENTIALS, sessionToken: 'renewed' };
  const old = ask(signatures);
  const made = ask(signatures, { credentials: renewed, path: '/b.jpg' });
  t.notMatch(await old, /renewed/);
  t.match(await made, /renewed/);
  t.match(await ask(signatures, { credentials: renewed }), /renewed/);
});

t.test('one that was made by a time that has been set back meanwhile is not kept', async (t) => {
  const signatures = new Signatures(SCOPE);
  const old = ask(signatures, { at: AT + 1_200_000 });
  const made = ask(signatures, { path: '/b.jpg' });
  t.match(await old, /x-amz-date: 20130524T002000Z/);
  await made;
  t.match(await ask(signatures), /x-amz-date: 20130524T000000Z/);
});

t.test('what strangers ask for takes no more memory than it may', async (t) => {
  const signatures = new Signatures(SCOPE);
  await ask(signatures);
  // Each of these is as long as a key may be.
  const long = 'x'.repeat(3000);
  for (let index = 0; index < 1300; index++) await ask(signatures, { path: `/${long}${index}`, at: AT + 1 });
  t.match(await ask(signatures, { at: AT + 1000 }), /x-amz-date: 20130524T000001Z/, 'room was made');
});
