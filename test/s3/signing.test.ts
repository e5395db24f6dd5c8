// Signatures, against the examples that AWS published ("Signature Calculations for the Authorization Header", "Authenticating
// Requests: Using Query Parameters"), and against the check of the stand-in, which is written from the specification.
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { locateBucket } from '../../src/config/bucket.js';
import { toBytePath } from '../../src/http/target.js';
import { keyPath } from '../../src/s3/key-path.js';
import { presignedTarget, signedFields } from '../../src/s3/signing.js';
import { checkSignature, type KnownCredentials } from '../support/s3-signature.js';
import { TEST_CREDENTIALS } from '../support/s3-stand-in.js';

const SCOPE = { region: 'us-east-1', authority: 'examplebucket.s3.amazonaws.com' };
/** The moment of AWS's examples. */
const AT = Date.UTC(2013, 4, 24);

t.test("AWS's example of a GET with a range", async (t) => {
  const lines = await signedFields(SCOPE, TEST_CREDENTIALS, 'GET', '/test.txt', { range: 'bytes=0-9' }, AT);
  t.same(lines.split('\r\n').sort(), [
    '',
    'authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    'range: bytes=0-9',
    'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'x-amz-date: 20130524T000000Z',
  ]);
});

t.test("AWS's example of a signed target", async (t) => {
  const target = await presignedTarget(SCOPE, TEST_CREDENTIALS, 'GET', '/test.txt', {}, AT, 86_400);
  t.equal(
    target,
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
  t.equal(
    await presignedTarget(SCOPE, TEST_CREDENTIALS, 'GET', '/test.txt', {}, AT, 86_400),
    target,
    'every time',
  );
  t.not(await presignedTarget(SCOPE, TEST_CREDENTIALS, 'GET', '/test.txt', {}, AT + 1000, 86_400), target);
  const elsewhere = { ...SCOPE, region: 'eu-west-1' };
  t.match(
    await presignedTarget(elsewhere, TEST_CREDENTIALS, 'GET', '/test.txt', {}, AT, 86_400),
    /%2Feu-west-1%2Fs3/,
  );
});

/** What the stand-in says of a request. */
function check(
  target: string,
  fields: string,
  credentials: KnownCredentials = TEST_CREDENTIALS,
): ReturnType<typeof checkSignature> {
  const headers: Record<string, string> = { host: SCOPE.authority };
  for (const line of fields.split('\r\n').filter((line) => line !== '')) {
    const [name = '', ...value] = line.split(': ');
    headers[name] = value.join(': ');
  }
  const request = { method: 'GET', url: target, headers } as unknown as IncomingMessage;
  return checkSignature(request, { credentials, region: 'us-east-1', now: AT });
}

t.test('what a key may consist of is signed as S3 reads it', async (t) => {
  const location = locateBucket({ url: { bucket: 'examplebucket', prefix: '' }, region: 'us-east-1' });
  const session = { ...TEST_CREDENTIALS, sessionToken: 'to/ken+with=all//of==it' };
  const names = [
    'plain.txt',
    'with space',
    'a+b&c=d;e,f:g@h$i',
    '100%',
    '%2F',
    "!*'()",
    '~tilde_-.',
    'dir//double',
    '.hidden/.x',
    'Grüße/日本語/😀.jpg',
    '?query#hash',
    'back\\slash"quote<>`{}|^[]',
    'end/',
  ];
  for (const name of names) {
    const path = keyPath(location, toBytePath(name));
    for (const credentials of [TEST_CREDENTIALS, session]) {
      const fields = await signedFields(SCOPE, credentials, 'GET', path, {}, AT);
      t.equal(check(path, fields, credentials), undefined, name);
      const query = { 'response-content-disposition': 'attachment; filename="ä b.txt"' };
      const target = await presignedTarget(SCOPE, credentials, 'GET', path, query, AT, 60);
      t.equal(check(target, '', credentials), undefined, `${name}, in its target`);
    }
  }
});

t.test('what is changed on the way has no signature any more', async (t) => {
  const fields = await signedFields(SCOPE, TEST_CREDENTIALS, 'GET', '/a', { range: 'bytes=0-9' }, AT);
  t.equal(check('/a', fields), undefined);
  t.match(check('/b', fields), { code: 'SignatureDoesNotMatch' });
  t.match(check('/a', fields.replace('0-9', '0-10')), { code: 'SignatureDoesNotMatch' });
  t.match(check('/a', fields, { ...TEST_CREDENTIALS, secretAccessKey: 'another' }), {
    code: 'SignatureDoesNotMatch',
  });
  const target = await presignedTarget(SCOPE, TEST_CREDENTIALS, 'GET', '/a', {}, AT, 60);
  t.match(check(target.replace('Expires=60', 'Expires=61'), ''), { code: 'SignatureDoesNotMatch' });
  t.match(check(`${target}&response-content-type=text%2Fhtml`, ''), { code: 'SignatureDoesNotMatch' });
});
