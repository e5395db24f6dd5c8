// The command itself: what it prints, how it exits, and one line for each mistake.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { environmentOf, flagOf, isOnCommandLine, OPTION_LIST } from '../src/config/options.js';
import { runCommand } from './support/command.js';
import { get, rawRequest } from './support/raw.js';
import { startServer } from './support/server.js';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

t.test('--version and --help print and end', async (t) => {
  t.same(await runCommand(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  const { code, stdout, stderr } = await runCommand(['--help']);
  t.equal(code, 0);
  t.equal(stderr, '');
  const words = new Set(stdout.split(/[\s,;[\]<>=]+/));
  for (const [name, row] of OPTION_LIST) {
    if (!isOnCommandLine(row)) continue;
    t.ok(words.has(flagOf(name)) || words.has(flagOf(name).replace(/^--/, '--no-')), flagOf(name));
    for (const variable of environmentOf(name)) t.ok(words.has(variable), variable);
  }
});

t.test(
  'a mistake is one line that names the value, its source and the cure, and the exit code is 2',
  async (t) => {
    const directory = t.testdir({
      'broken.json': '{"listen": ":80"',
      'value.json': '{"maxAge": "soon"}',
    });
    interface Mistake {
      readonly args?: readonly string[];
      readonly env?: Record<string, string>;
      readonly line: RegExp;
    }
    // One of each kind; the rest is in config/load.test.ts.
    const mistakes: readonly Mistake[] = [
      { args: ['--nope'], line: /--nope.*--help/ },
      { args: ['./media'], line: /\.\/media.*write --root \.\/media/ },
      { args: ['--listen', 'nowhere'], line: /^--listen: "nowhere" .*write :8000/ },
      { env: { PORT: 'http' }, line: /^PORT: "http" .*write :8000/ },
      { env: { MEDIA_ROOT: '/dev/null' }, line: /^MEDIA_ROOT: \/dev\/null is not a directory.*name another/ },
      { args: ['--config', 'broken.json'], line: /broken\.json: is not JSON: line 1, column 17: / },
      { args: ['--config', 'value.json'], line: /value\.json: maxAge: "soon" .*such as 60s$/ },
    ];
    for (const { args = [], env = {}, line } of mistakes) {
      const { code, stdout, stderr } = await runCommand(args, { env, cwd: directory });
      const label = [...Object.entries(env).flat(), ...args].join(' ');
      t.equal(code, 2, label);
      t.equal(stdout, '', 'nothing has begun');
      t.match(stderr, /^media-serve: [^\n]+\n$/);
      t.match(stderr.slice('media-serve: '.length, -1), line);
    }
  },
);

t.test('a start loads only what it needs: no schema is compiled unless there is a config file', async (t) => {
  const media = t.testdir({ 'media-serve.json': '{}' });
  const watcher = `
    import { writeSync } from 'node:fs';
    import Module from 'node:module';
    const loads = (name) => Object.keys(Module._cache).some((path) => path.includes(\`/node_modules/\${name}/\`));
    process.on('exit', () => writeSync(2, ['fastify', 'ajv', 'pino-pretty'].filter(loads).join()));`;
  const node = ['--import', `data:text/javascript,${encodeURIComponent(watcher)}`];
  const loaded = async (args: readonly string[]): Promise<string> => {
    const server = await startServer(t, ['--root', media, ...args], { node });
    let words = '';
    server.process.stderr?.on('data', (chunk) => {
      words += chunk;
    });
    const closed = once(server.process, 'close');
    await server.stop();
    await closed;
    return words;
  };
  t.equal(await loaded([]), 'fastify');
  t.equal(await loaded(['--config', `${media}/media-serve.json`]), 'fastify,ajv');
});

t.test('the configuration may come from flags, environment and file at once', async (t) => {
  const base = t.testdir({
    'media-serve.json': JSON.stringify({
      maxAge: '1h',
      locations: [
        { kind: 'media', prefix: '/file/', root: './file' },
        { kind: 'media', prefix: '/short/', root: './file', maxAge: '5s' },
      ],
    }),
    file: { 'a.txt': 'from the file' },
    flag: { 'a.txt': 'from the flag' },
    static: { 'a.txt': 'from the environment' },
  });
  const { port } = await startServer(t, ['--root', './flag', '--config', 'media-serve.json'], {
    cwd: base,
    env: { STATIC_ROOT: './static', MEDIA_ROOT: '/nowhere', MEDIA_SERVE_MAX_AGE: '' },
  });
  for (const [target, body, maxAge] of [
    ['/media/a.txt', 'from the flag', 3600],
    ['/static/a.txt', 'from the environment', 3600],
    ['/file/a.txt', 'from the file', 3600],
    ['/short/a.txt', 'from the file', 5],
  ] as const) {
    const answer = await rawRequest(port, get(target));
    t.equal(answer.body.toString(), body, target);
    t.equal(answer.headers['cache-control'], `public, max-age=${maxAge}`);
  }
});
