// nginx's values as our own: times, sizes, switches and addresses, each in a site that must be a configuration here.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { configFrom } from '../../src/config/load.js';
import { foreignConfig, readForeign } from '../../src/migrate/foreign.js';

/** In the server, and what our file has for it, in the server or the first location. */
const VALUES: readonly (readonly [string, string, unknown])[] = [
  ['keepalive_timeout 75s 60s;', 'keepAliveTimeout', '75s'],
  ['keepalive_timeout 0;', 'keepAliveTimeout', '0s'],
  ['send_timeout 1h30m;', 'sendTimeout', '90m'],
  ['send_timeout "1h 30m";', 'sendTimeout', '90m'],
  ['client_body_timeout 500ms;', 'sendTimeout', '500ms'],
  ['proxy_read_timeout 86400;', 'readTimeout', '1d'],
  ['proxy_read_timeout 36000000;', 'readTimeout', '24d'],
  ['proxy_connect_timeout 1y;', 'connectTimeout', '24d'],
  ['proxy_send_timeout 1.5s;', 'upstreamSendTimeout', undefined],
  ['client_max_body_size 0;', 'maxBody', '0'],
  ['client_max_body_size 100G;', 'maxBody', '100gb'],
  ['client_max_body_size 1536K;', 'maxBody', '1536kb'],
  ['client_max_body_size 1T;', 'maxBody', undefined],
  ['limit_rate 500k;', 'limitRate', '500kb'],
  ['max_ranges 0;', 'maxRanges', 0],
  ['proxy_max_temp_file_size 0;', 'bufferFileLimit', '0'],
  ['expires 1M;', 'maxAge', '30d'],
  ['expires +1y;', 'maxAge', '365d'],
  ['expires 0;', 'maxAge', '0s'],
  ['expires -1;', 'cacheControl', [{ match: '', value: 'no-cache' }]],
  ['expires epoch;', 'cacheControl', [{ match: '', value: 'no-cache' }]],
  ['expires max;', 'cacheControl', [{ match: '', value: 'max-age=315360000' }]],
  ['expires off;', 'cacheControl', [{ match: '', value: '' }]],
  ['expires modified +24h;', 'maxAge', undefined],
  ['expires @15h30m;', 'maxAge', undefined],
  ['default_type off;', 'defaultType', undefined],
  ['index index.html index.htm;', 'index', 'index.html'],
  ['large_client_header_buffers 4 64k;', 'maxRequestHead', '256kb'],
];

/** `listen`, and ours. */
const LISTENS: readonly (readonly [string, string | undefined])[] = [
  ['80', ':80'],
  ['*:8080', ':8080'],
  ['[::]:80 ipv6only=off', ':80'],
  ['[::1]', '[::1]:80'],
  ['localhost', 'localhost:80'],
  ['127.0.0.1:8000 default_server reuseport', '127.0.0.1:8000'],
  ['unix:/run/x.sock', 'unix:/run/x.sock'],
  ['8000-8010', undefined],
  ['443 ssl', undefined],
  ['127.0.0.1:443 ssl', '127.0.0.1:8080'],
];

/** `proxy_pass`, and our upstream; `backend` is an upstream of the file. */
const PASSES: readonly (readonly [string, readonly string[] | undefined])[] = [
  ['http://127.0.0.1', ['127.0.0.1:80']],
  ['http://[::1]:8000/', ['[::1]:8000']],
  ['HTTP://web:8000', ['web:8000']],
  ['http://unix:/run/app.sock', ['unix:/run/app.sock']],
  ['http://unix:/run/app.sock:/', ['unix:/run/app.sock']],
  ['http://unix:/run/app.sock:/inner/', undefined],
  ['http://backend', ['10.0.0.1:8000', 'unix:/run/b.sock backup', 'c:80']],
  ['http://backend:8000', ['backend:8000']],
  ['http://web:8000/inner/', undefined],
  ['http://web:8000$request_uri', ['web:8000']],
  ['http://$elsewhere', undefined],
  ['https://web', undefined],
];

const UPSTREAM =
  'upstream backend { server 10.0.0.1:8000; server unix:/run/b.sock backup; server c; server d down; }';

t.test('values of directives, of listen and of proxy_pass', async (t) => {
  const path = join(t.testdir(), 'site.conf');
  const read = async (server: string) => {
    await writeFile(path, `${UPSTREAM} server { location /media/ { alias /srv/media/; } ${server} }`);
    const foreign = { path, language: 'nginx', from: 'site.conf' } as const;
    // It must be a configuration.
    configFrom({}, {}, foreignConfig(foreign, false));
    return readForeign(foreign).draft;
  };
  const app = 'location / { proxy_pass http://127.0.0.1:9; }';
  for (const [directive, option, value] of VALUES) {
    const { options, locations } = await read(`${directive} ${app}`);
    const found = [options, ...locations.map(({ entry }) => entry)].find((set) => set[option] !== undefined);
    t.same(found?.[option], value, directive);
  }
  for (const [listen, ours] of LISTENS) {
    t.equal((await read(`listen ${listen}; ${app}`)).options['listen'], ours, listen);
  }
  for (const [pass, ours] of PASSES) {
    const { locations } = await read(`location / { proxy_pass ${pass}; }`);
    t.same(locations.find(({ entry }) => entry.prefix === '/')?.entry['upstream'], ours, pass);
  }
});
