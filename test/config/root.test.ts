// Roots: directories and buckets, and what is neither.
import { resolve } from 'node:path';
import t from 'tap';
import { isBucketRoot, mount, root, rootFrom } from '../../src/config/root.js';

t.test('a directory becomes absolute, where it is written', async (t) => {
  const cases: readonly (readonly [start: string, text: string, path: string])[] = [
    ['', '/srv/media', '/srv/media'],
    ['', '/srv/media/', '/srv/media'],
    ['', './media', resolve('media')],
    ['/etc/site', './media', '/etc/site/media'],
    ['/etc/site', '/srv/media', '/srv/media'],
    // Directories whose names look like something else.
    ['/a', './s3:/media', '/a/s3:/media'],
    ['/a', 'srv:media', '/a/srv:media'],
    ['/a', './gs://media', '/a/gs:/media'],
    ['/a', 's3/media', '/a/s3/media'],
    ['/a', 'b@c', '/a/b@c'],
  ];
  for (const [start, text, path] of cases) {
    t.equal(rootFrom(start).parse(text), path, text);
    t.equal(isBucketRoot(path), false, path);
  }
  for (const value of ['', null, 7]) {
    t.throws(() => root.parse(value), { name: 'TypeError', message: /write for example \.\/media/ });
  }
  t.throws(() => rootFrom('/etc').parse('~/media'), { message: /write the whole path/ });
});

t.test('a bucket stays as it was written', async (t) => {
  for (const text of ['s3://media', 's3://media/', 's3://media/a/b', 's3://media/a@b:c', 's3://a.b/ä ö']) {
    for (const type of [root, rootFrom('/etc')]) t.equal(type.parse(text), text);
    t.equal(isBucketRoot(text), true, text);
  }
  t.equal(root.parse(' "s3://media/a"\r'), 's3://media/a');
});

t.test('what is neither is refused, with what to write', async (t) => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['S3://media/a', /has a scheme with a capital; write s3:\/\/media\/a$/],
    ['s3:/media/a', /write s3:\/\/media\/a, or \.\/s3:\/media\/a for a directory of that name$/],
    ['s3:media', /write s3:\/\/media, or /],
    ['s3:', /write s3:\/\/bucket\/prefix, or /],
    ['s3://', /names no bucket; write s3:\/\/bucket/],
    ['s3:///media', /names no bucket/],
    ['s3://media//a', /empty segment/],
    ['s3://$BUCKET/a', /is no name of a bucket/],
    ['arn:aws:s3:::media/a', /write s3:\/\/media\/a$/],
    ['s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/x', /access point/],
    ['https://media.s3.amazonaws.com/a', /is a web address; write s3:\/\/media\/a$/],
    ['https://s3.eu-central-1.amazonaws.com/media/a', /write s3:\/\/media\/a$/],
    ['https://minio.example:9000/media', /is a web address; write s3:\/\/bucket\/prefix, .* --s3-endpoint$/],
    ['gs://media/a', /write s3:\/\/media\/a and --s3-endpoint https:\/\/storage\.googleapis\.com, /],
    ['https://storage.googleapis.com/media/a', /write s3:\/\/media\/a and --s3-endpoint /],
    ['az://media/a', /does not speak S3; mount it, /],
    ['wasbs://media@account.blob.core.windows.net', /a name, a password or a port/],
    ['abfs://media/a', /does not speak S3/],
    ['https://account.blob.core.windows.net/media', /does not speak S3/],
    ['file:///srv/media', /write the path, \/srv\/media$/],
    ['file://localhost/srv/media', /write the path, \/srv\/media$/],
    ['minio://media/a', /neither a directory nor a bucket; .*--s3-endpoint/],
  ];
  for (const [text, message] of cases) {
    t.throws(() => root.parse(text), { name: 'TypeError', message }, text);
    t.throws(() => mount.parse(`/a/=${text}`), { name: 'TypeError', message }, `mounted: ${text}`);
  }
});

t.test('what gives access is not repeated', async (t) => {
  for (const text of [
    's3://AKIAKEY:hush@media/a',
    's3://AKIAKEY:hu/sh@media/a',
    'S3://AKIAKEY:hush@media',
    '"s3://AKIAKEY:hush@media',
    's3:/AKIAKEY:hush@media/a',
    's3:/AKIAKEY:hu/sh@media/a',
    's3:AKIAKEY:hush@media',
    '"s3:AKIAKEY:hush@media',
    '\u201cs3:/AKIAKEY:hush@media',
    'S3:\\\\AKIAKEY:hush@media',
    's3:\\AKIAKEY:hush',
    's3:hush@media',
    's3n://AKIAKEY:hu/sh@media',
    'https://me:hush@minio.example/media',
    'https://media.s3.amazonaws.com/a?X-Amz-Signature=hush',
    'https://minio.example/media#hush',
  ]) {
    for (const read of [() => root.parse(text), () => mount.parse(`/a/=${text}`)]) {
      const message = messageOf(read);
      t.match(message, /; write s3:\/\//, text);
      t.notMatch(message, /hu\/?sh/, text);
    }
  }
});

function messageOf(read: () => unknown): string {
  try {
    read();
    return 'nothing was refused';
  } catch (error) {
    return (error as Error).message;
  }
}

t.test('nor is it where the prefix of a mount is forgotten', async (t) => {
  const message = messageOf(() => mount.parse('s3://AKIAKEY:hush@media'));
  t.match(message, /; write s3:\/\//);
  t.notMatch(message, /hush/);
});

t.test('a mount is a prefix and a root', async (t) => {
  t.same(mount.parse('/more/=/srv/more'), { prefix: '/more/', root: '/srv/more' });
  t.same(mount.parse('more=./more'), { prefix: '/more/', root: resolve('more') });
  t.same(mount.parse('/a/=/srv/a=b'), { prefix: '/a/', root: '/srv/a=b' });
  t.same(mount.parse('/a/=s3://media/a=b'), { prefix: '/a/', root: 's3://media/a=b' });
  t.same(mount.parse('"/a/" = "s3://media/a"'), { prefix: '/a/', root: 's3://media/a' });
  for (const text of ['', '=', '/more/', '/more/=', '=/srv/more', 's3://media']) {
    t.throws(() => mount.parse(text), {
      message: `${JSON.stringify(text)} is not PREFIX=DIR; write for example /media/=./uploads`,
    });
  }
  t.throws(() => mount.parse('/a/?b=/srv'), { message: /is not a URL prefix/ });
});
