// The command line, read into flags.
import t from 'tap';
import { parseCommandLine } from '../../src/config/command-line.js';
import {
  documentedFlagOf,
  flagOf,
  isOnCommandLine,
  OPTION_LIST,
  OPTIONS_BY_TOPIC,
} from '../../src/config/options.js';

const VERSION = '1.2.3';

t.test('flags are kept as they were written', async (t) => {
  const cases: readonly (readonly [argv: readonly string[], flags: object])[] = [
    [[], {}],
    [['--root', './a'], { root: './a' }],
    [['--root=./a'], { root: './a' }],
    [['--max-age', '1h', '--log-format', 'json'], { maxAge: '1h', logFormat: 'json' }],
    [['--mount', '/a/=1', '--mount', '/b/=2'], { mount: ['/a/=1', '/b/=2'] }],
    [['--root', './a', '--root', './b'], { root: './b' }],
  ];
  for (const [argv, flags] of cases) t.same(parseCommandLine(argv, VERSION), { flags }, argv.join(' '));
});

t.test('every option of the table that is a single value is a flag', async (t) => {
  for (const [name, row] of OPTION_LIST) {
    // A switch stands alone.
    if (!isOnCommandLine(row) || row.type.placeholder === '') continue;
    const expected = row.type.repeatable ? ['value'] : 'value';
    t.same(parseCommandLine([flagOf(name), 'value'], VERSION), { flags: { [name]: expected } }, name);
  }
});

t.test('help and version are printed instead of running', async (t) => {
  t.same(parseCommandLine(['--version'], VERSION), { print: '1.2.3\n' });
  t.match(parseCommandLine(['--help'], VERSION), { print: /^Usage: media-serve / });
  t.match(parseCommandLine(['--root', 'x', '--help'], VERSION), { print: /^Usage: media-serve / });
});

t.test('the help has the options under the topics of the reference', async (t) => {
  const line = parseCommandLine(['--help'], VERSION);
  const [, ...groups] = ('print' in line ? line.print : '').split(/^(?=\S.*:$)/m);
  const expected = OPTIONS_BY_TOPIC.map(({ title, rows }) => ({
    title: `${title}:`,
    flags: rows.flatMap(([name, row]) => (isOnCommandLine(row) ? [documentedFlagOf(name)] : [])),
  })).filter(({ flags }) => flags.length > 0);
  expected.at(-1)?.flags.push('--version', '--help');
  t.same(
    groups.map((group) => ({
      title: group.split('\n')[0],
      flags: [...group.matchAll(/^ {2}(--[a-z0-9-]+)/gm)].map(([, flag]) => flag),
    })),
    expected,
  );
});

t.test('a command line that cannot be read is refused in one line', async (t) => {
  const cases: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
    [['--nope'], /--nope/],
    [['--maxage', '1s'], /--maxage.*--max-age/],
    [['-r', 'x'], /-r/],
    [['--root'], /--root/],
    [['./media'], /\.\/media/],
  ];
  for (const [argv, message] of cases) {
    t.throws(() => parseCommandLine(argv, VERSION), { code: 'MEDIA_SERVE_USAGE', message }, argv.join(' '));
    t.throws(() => parseCommandLine(argv, VERSION), { message: /^[^\n]* --[a-z]+[^\n]*$/ });
  }
});

t.test('what somebody writes who is used to another program is answered with what to write', async (t) => {
  const cases: readonly (readonly [line: string, write: RegExp])[] = [
    ['--port 9000', /write --listen :9000 /],
    ['--port=9000', /write --listen :9000 /],
    ['--port --root a', /write --listen ADDRESS /],
    ['--host 0.0.0.0', /write --listen 0\.0\.0\.0:8080 /],
    ['--bind /run/a.sock', /write --listen unix:\/run\/a\.sock /],
    ['--static ./s', /write --static-root \.\/s or --static-url /],
    ['--no-buffering', /write --no-request-buffering or --no-response-buffering /],
    ['--request_buffering', /write --no-request-buffering /],
    ['--proxy-only=true', /"--proxy-only=true" .*write --proxy-only /],
    ['--request-buffering=off', /write --no-request-buffering /],
    ['--client-max-body-size 5m', /write --max-body 5m /],
    ['--proxy_read_timeout 5s', /write --read-timeout 5s /],
    ['--max-agee 5s', /write --max-age 5s /],
    ['--prot 9000', /write --listen :9000 /],
    ['--hots=0.0.0.0', /write --listen 0\.0\.0\.0:8080 /],
    ['--static-dri ./s', /write --static-root \.\/s /],
    ['--client-max-bdy-sise 5m', /write --max-body 5m /],
    ['--no-bufering', /write --no-request-buffering or --no-response-buffering /],
    ['--roor ./a', /write --root \.\/a /],
    ['-root ./a', /write --root \.\/a /],
    ['--auth-request /x', /write "authRequest" into a location of the config file/],
    ['-h', /write media-serve --help$/],
    ['-v', /write media-serve --version$/],
    ['help', /write media-serve --help$/],
    ['runserver', /leave it out/],
    ['MEDIA_ROOT=/srv', /write --root \/srv$/],
    ['MEDIA_SERVE_PROT=9000', /write --listen :9000$/],
    ['root=/srv', /write --root \/srv$/],
    ['8000', /write --upstream :8000 for the app, --listen :8000 /],
    ['--max-body 100 MB', /write --max-body 100MB$/],
    ['--max-body=100 MB', /write --max-body 100MB$/],
    ['--max-age 60 seconds', /^--max-age: "60 seconds" is not a duration/],
    ['--trust-proxy 10.0.0.0/8 ::1', /write --trust-proxy 10\.0\.0\.0\/8,::1$/],
    ['--upstream :1,:2 backup', /write --upstream ":1,:2 backup"$/],
    ['--upstream :1 :2', /write --upstream :1,:2$/],
    ['--listen 127.0.0.1 90', /write --listen 127\.0\.0\.1:90$/],
    ['--request-buffering off', /write --no-request-buffering$/],
    ['--root ./My Media', /write --root ".\/My Media" if /],
    ['--root ./a :8000', /write --upstream :8000 /],
    ['--root x x', /write --root x for a directory/],
    ['s3://media/a', /write --root s3:\/\/media\/a for a bucket/],
    ['--root x s3://media/a', /"s3:\/\/media\/a" belongs to no option/],
    ['--bucket media', /write --root s3:\/\/media /],
    ['--s3-bucket=s3://media/a', /write --root s3:\/\/media\/a /],
    ['--bucket', /write --root DIR /],
    ['--endpoint-url http://minio:9000', /write --s3-endpoint http:\/\/minio:9000 /],
    ['--region eu-west-1', /write --s3-region eu-west-1 /],
    ['--s3-addressing-style path', /write --s3-addressing path /],
    ['--anonymous', /write --s3-anonymous /],
    // Words of other programs that are like one of another meaning.
    ['--kind media', /is no option; media-serve --help lists them$/],
    ['--find x', /is no option; media-serve --help lists them$/],
    ['--max-time 5', /is no option; media-serve --help lists them$/],
    ['--proxy-basic', /is no option; media-serve --help lists them$/],
    ['--env-file .env', /is no option; media-serve --help lists them$/],
    ['--workers 4', /is no option; media-serve --help lists them$/],
    ['--unlike-any 5', /is no option; media-serve --help lists them$/],
  ];
  for (const [line, message] of cases) {
    const argv = line.split(' ');
    t.throws(() => parseCommandLine(argv, VERSION), { code: 'MEDIA_SERVE_USAGE', message }, line);
  }
});
