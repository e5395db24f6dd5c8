// `media-serve migrate`, and a start from nginx's file: what is printed, what is logged, and how the command ends.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseCommandLine } from '../../src/config/command-line.js';
import { loadAnyConfig } from '../../src/load.js';
import { migrate } from '../../src/migrate/command.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';

const SITE = `server {
    listen 8081;
    location /media/ {
        alias MEDIA;
    }
    location / {
        proxy_pass http://127.0.0.1:8000;
        gzip on;
    }
}
`;

async function write(t: Test, text: string): Promise<{ folder: string; path: string }> {
  const folder = t.testdir();
  await mkdir(join(folder, 'media'));
  await writeFile(join(folder, 'media', 'a.txt'), 'text');
  const path = join(folder, 'site.conf');
  await writeFile(path, text.replaceAll('MEDIA', join(folder, 'media/')));
  return { folder, path };
}

/** The configuration that a command line makes. */
const configOf = async (...args: string[]) => {
  const commandLine = parseCommandLine(args, '');
  if (!('flags' in commandLine)) throw new Error('no start');
  return loadAnyConfig(commandLine.flags, {});
};

t.test(
  'prints a configuration, the command and the report, and says by its status what is missing',
  async (t) => {
    const { folder, path } = await write(t, SITE);
    const { stdout, stderr, code } = await runCommand(['migrate', path]);
    t.equal(code, 1, 'gzip changes what clients see');
    const own = join(folder, 'own.json');
    await writeFile(own, stdout);
    const [fromNginx, fromOwn] = [await configOf('--nginx-config', path), await configOf('--config', own)];
    const shape = ({ locations, listen }: typeof fromNginx) => ({
      listen,
      locations: locations.map(({ from: _, ...location }) => location),
    });
    t.same(shape(fromOwn), shape(fromNginx), 'what is printed means the same');
    t.match(stderr, `${path}:8: gzip on: not supported: `);
    t.match(stderr, `${path}:2: listen 8081: kept: as listen: :8081`);
    const [, command = ''] = /^To start: media-serve (.*)$/m.exec(stderr) ?? [];
    t.same(shape(await configOf(...command.split(' '))), shape(fromNginx), 'the command means the same');
  },
);

t.test('statuses: 0 where all has a counterpart, 2 for what cannot be read', async (t) => {
  const { path } = await write(t, SITE.replace('gzip on;', ''));
  t.equal(migrate({ file: path }).exitCode, 0);
  await writeFile(path, 'server { location / {');
  const { stdout, stderr, code } = await runCommand(['migrate', path]);
  t.equal(code, 2);
  t.equal(stdout, '');
  t.match(stderr, /^media-serve: .*site\.conf:1:22: .*"\}" is expected\n$/);
});

t.test('--write makes a new file, and does not overwrite one', async (t) => {
  const { folder, path } = await write(t, SITE);
  const target = join(folder, 'media-serve.json');
  const { output, report } = migrate({ file: path, write: target });
  t.equal(output, '');
  t.match(report, /To start: /);
  t.match(await readFile(target, 'utf8'), /"kind": "media"/);
  t.throws(() => migrate({ file: path, write: target }), { message: /is there already/ });
});

t.test('a start tells each difference, flags win, and --strict-config refuses', async (t) => {
  const { path } = await write(t, SITE);
  // --listen is among the arguments of every start here.
  const { origin, port } = await startHere(t, ['--nginx-config', path]);
  t.not(port, 8081);
  t.equal(await (await fetch(`${origin}/media/a.txt`)).text(), 'text');
  const { warnings, locations } = await configOf(
    '--nginx-config',
    path,
    '--max-age',
    '7s',
    '--upstream',
    ':9',
  );
  t.ok(warnings.some((line) => line.startsWith(`${path}:8: gzip on: not supported: `)));
  t.match(
    locations.map(({ kind, prefix }) => [kind, prefix]),
    [
      ['media', '/media/'],
      ['upstream', '/'],
    ],
  );
  t.match(locations[1], { upstreams: [{ address: { port: 9 } }] });
  await t.rejects(configOf('--nginx-config', path, '--strict-config'), {
    message:
      /^--strict-config: .*site\.conf:8: gzip on: not supported: .*media-serve migrate .*site\.conf lists all$/,
  });
  const kept = SITE.replace('gzip on;', 'client_max_body_size 1m;').replace(
    'alias MEDIA',
    'expires 1m; alias /x/',
  );
  await writeFile(path, kept);
  await t.resolves(configOf('--nginx-config', path, '--strict-config'), 'all of it is kept');
});

t.test("Django's variables open nothing that the file closes, and a flag that does is told", async (t) => {
  const { path, folder } = await write(
    t,
    'server { location /media/ { alias MEDIA; deny all; } location / { proxy_pass http://127.0.0.1:9; } }',
  );
  const media = join(folder, 'media');
  const variables = { MEDIA_ROOT: media, MEDIA_URL: '/uploads/', STATIC_ROOT: media };
  const { origin } = await startHere(t, ['--nginx-config', path], variables);
  t.equal((await fetch(`${origin}/media/a.txt`)).status, 403);
  t.not((await fetch(`${origin}/uploads/a.txt`)).status, 200);
  t.not((await fetch(`${origin}/static/a.txt`)).status, 200);
  const commandLine = parseCommandLine(['--nginx-config', path], '');
  const beside = 'flags' in commandLine ? await loadAnyConfig(commandLine.flags, variables) : undefined;
  for (const variable of Object.keys(variables)) {
    t.ok(beside?.warnings.some((line) => line.startsWith(`${variable}: is not read beside --nginx-config`)));
  }
  const { warnings, locations } = await configOf('--nginx-config', path, '--root', media);
  t.match(locations[0], { kind: 'media', prefix: '/media/' });
  t.ok(warnings.some((line) => /^--root: opens \/media\/, which .*site\.conf: line 1 .* closes/.test(line)));
  t.match(
    (await configOf('--nginx-config', path, '--upstream', ':9')).warnings.filter((line) =>
      /opens/.test(line),
    ),
    [],
    'one that closes nothing is not',
  );
});

t.test('a file whose app speaks another protocol serves no directory that nobody named', async (t) => {
  const { path } = await write(t, 'server { location / { uwsgi_pass 127.0.0.1:9; } }');
  const { locations } = await configOf('--nginx-config', path, '--upstream', ':9');
  t.same(
    locations.map(({ kind, prefix }) => [kind, prefix]),
    [['upstream', '/']],
  );
  await t.rejects(configOf('--nginx-config', path), {
    message: /^--nginx-config: .* has nothing that is served here .*--upstream :8000$/,
  });
});

t.test('mistakes in what the file says name its line', async (t) => {
  const { path } = await write(t, SITE.replace('listen 8081', 'listen 99999'));
  await t.rejects(configOf('--nginx-config', path), { message: /site\.conf: listen: .*99999/ });
  await writeFile(path, 'server { location / { proxy_pass http://h:99999; } }');
  await t.rejects(configOf('--nginx-config', path), { message: /site\.conf:1:\d+: .*99999/ });
});

t.test('a forgotten semicolon swallows no block, and blanks are to be filled in', async (t) => {
  const { path } = await write(t, SITE.replace('listen 8081;', 'listen 8081'));
  const message = (words: RegExp) => ({ message: words });
  await t.rejects(
    configOf('--nginx-config', path),
    message(/site\.conf:2:5: listen 8081 location \/media\/ goes on until "\{"; ";" is expected at its end$/),
  );
  await writeFile(path, 'server { location / ; }');
  await t.rejects(configOf('--nginx-config', path), message(/:1:10: .* "\{" is expected$/));
  await writeFile(path, 'server { location /media/ { alias /srv/<your project>/media/; } }');
  await t.rejects(
    configOf('--nginx-config', path),
    message(/:1:29: "<your project>" in alias is to be filled in/),
  );
});

t.test('a site with very many locations is read in a second, or refused', async (t) => {
  const many = (count: number): string =>
    `server { ${Array.from({ length: count }, (_, index) => `location /a${index}/ { alias /srv/${index}/; }`).join('\n')} }`;
  const { path } = await write(t, many(1000));
  const began = process.cpuUsage();
  t.equal((await configOf('--nginx-config', path)).locations.length, 1000);
  await writeFile(path, many(50_000));
  await t.rejects(configOf('--nginx-config', path), {
    message: /:1001:1: is location 1001 of the site; 1000 are read$/,
  });
  const { user, system } = process.cpuUsage(began);
  t.ok(user + system < 3_000_000, `${user + system} µs of the processor`);
});

t.test('one configuration, and options that belong to one', async (t) => {
  const { path } = await write(t, SITE);
  await t.rejects(configOf('--nginx-config', path, '--config', path), {
    message: '--nginx-config: names a second configuration beside --config; write one of them',
  });
  await t.rejects(configOf('--strict-config', '--upstream', ':1'), {
    message: /^--strict-config: is for --nginx-config/,
  });
  t.throws(() => parseCommandLine(['migrat', 'x'], ''), { message: /write media-serve migrate FILE/ });
  t.throws(() => parseCommandLine(['--listen', ':1', 'migrate', 'x'], ''), {
    message: /media-serve migrate FILE/,
  });
  t.throws(() => parseCommandLine(['--nginx', 'x'], ''), { message: /write --nginx-config x/ });
  t.throws(() => parseCommandLine(['migrate'], ''), { message: /^migrate needs a file/ });
  t.throws(() => parseCommandLine(['migrate', 'x', '--from', 'perl'], ''), {
    message: /perl.*nginx, apache/,
  });
  t.match(parseCommandLine(['migrate', '--help'], ''), { print: /Usage: media-serve migrate FILE/ });
});

t.test('secrets do not reach the report, nor control characters a terminal', async (t) => {
  const { path } = await write(
    t,
    `server { location /media/ { alias MEDIA/; secure_link $arg_a; secure_link_md5 "$uri hunter2"; }
      location / { proxy_pass http://127.0.0.1:8000; proxy_set_header X-Api-Token hunter2; add_header X "a\\tb"; } }`,
  );
  const { report } = migrate({ file: path });
  t.match(report, /secure_link_md5 \u2026: not supported/);
  t.notMatch(report, 'hunter2');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  t.notMatch(report, /[\x00-\x09\x0b-\x1f]/);
});

t.test(
  'relative paths start where nginx.conf is, beside the file, or where --config-prefix says',
  async (t) => {
    const folder = t.testdir({
      nginx: { 'nginx.conf': '', snippets: { 'app.conf': 'proxy_pass http://127.0.0.1:1;' }, sites: {} },
      other: { snippets: { 'app.conf': 'proxy_pass http://127.0.0.1:2;' } },
      beside: { 'app.conf': 'proxy_pass http://127.0.0.1:3;' },
    });
    const portOf = async (...args: string[]): Promise<unknown> => {
      const { locations } = await configOf(...args);
      const [location] = locations;
      return location?.kind === 'upstream' ? location.upstreams[0]?.address : undefined;
    };
    const site = join(folder, 'nginx/sites/site.conf');
    await writeFile(site, 'server { location / { include snippets/app.conf; } }');
    t.match(await portOf('--nginx-config', site), { port: 1 });
    t.match(await portOf('--nginx-config', site, '--config-prefix', join(folder, 'other')), { port: 2 });
    const alone = join(folder, 'beside/site.conf');
    await writeFile(alone, 'server { location / { include app.conf; } }');
    t.match(await portOf('--nginx-config', alone), { port: 3 });
  },
);

t.test('a file of the other language is told by its name', async (t) => {
  const folder = t.testdir({
    'nginx.conf': 'server {\n  listen 80;\n  location /media/ {\n    alias /srv/media/;\n  }\n}\n',
    'apache.conf': '<VirtualHost *:80>\n  Alias /media/ "/srv/media/"\n  ServerName x\n</VirtualHost>\n',
  });
  await t.rejects(configOf('--nginx-config', join(folder, 'apache.conf')), {
    message: /^--nginx-config: .*apache\.conf looks like a file of Apache's: write --apache-config/,
  });
  await t.rejects(configOf('--apache-config', join(folder, 'nginx.conf')), {
    message: /^--apache-config: .*nginx\.conf looks like a file of nginx's: write --nginx-config/,
  });
  t.match(migrate({ file: join(folder, 'apache.conf') }).output, /"kind": "media"/, 'found by its content');
});

t.test('a location that would have to be asked about itself is closed, and ends the reading', async (t) => {
  const { path } = await write(
    t,
    `server {
       auth_request /auth;
       location = /auth { proxy_pass http://127.0.0.1:8000/media/check; }
       location /media/ { alias MEDIA/; }
     }`,
  );
  const { locations } = await configOf('--nginx-config', path);
  t.match(locations, [{ kind: 'denied', prefix: '/media/' }]);
});
