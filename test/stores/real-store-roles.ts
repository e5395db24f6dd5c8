/**
 * Credentials that are not given to the process: AWS's own package finds them, installed beside media-serve, with moto in the
 * place of AWS's services. `npm run test:suites -- --only object-storage`
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startApp, startRecorder } from '../support/app.js';
import { programWithProviders } from '../support/credential-providers.js';
import { INSTANCE_KEYS, startMoto } from '../support/moto.js';
import { get, rawRequest } from '../support/raw.js';
import { placeOf, put } from '../support/real-store.js';
import { type RunningServer, startServer } from '../support/server.js';

t.setTimeout(300_000);
const moto = await startMoto(t);
await put(moto, 'media/a.txt', 'hello');
const program = await programWithProviders(t);
const { address } = await startRecorder(t);

const folder = await mkdtemp(join(tmpdir(), 'media-serve-roles-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const [token, shared, config] = ['token', 'credentials', 'config'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const { accessKeyId, secretAccessKey } = moto.credentials;
await writeFile(token, 'a.web.identity');
await writeFile(
  shared,
  `[user]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
);
await writeFile(config, `[profile taken]\nrole_arn = ${moto.role}\nsource_profile = user\n`);

/** Nothing of this machine's own. */
const NOWHERE = {
  HOME: folder,
  AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
  AWS_CONFIG_FILE: join(folder, 'none'),
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_ENDPOINT_URL_STS: moto.endpoint,
  // Which AWS's package does not know by itself.
  AWS_DEFAULT_REGION: moto.region,
};
const WEB_IDENTITY = { AWS_WEB_IDENTITY_TOKEN_FILE: token, AWS_ROLE_ARN: moto.role };
const FILES = { AWS_SHARED_CREDENTIALS_FILE: shared, AWS_CONFIG_FILE: config };

async function startSite(
  t: Test,
  endpoint: string,
  env: Record<string, string>,
  script?: string,
): Promise<RunningServer> {
  const place = placeOf({ ...moto, endpoint });
  const args = ['--root', `s3://${moto.bucket}/media`, ...place, '--upstream', address];
  return startServer(t, args, { env: { ...NOWHERE, ...env }, ...(script !== undefined && { script }) });
}

/** Between media-serve and the store: returns its port, and all that was asked there. */
async function startRelay(t: Test): Promise<{ endpoint: string; asked(): string }> {
  let asked = '';
  const { port } = new URL(moto.endpoint);
  const relay = createServer((client) => {
    const store = connect(Number(port), '127.0.0.1');
    client.on('error', () => store.destroy()).pipe(store);
    store.on('error', () => client.destroy()).pipe(client);
    client.on('data', (chunk: Buffer) => {
      asked += chunk.toString('latin1');
    });
    t.teardown(() => client.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return {
    endpoint: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    asked: () => asked,
  };
}

/** As the agent of EKS's pod identities, and of ECS, gives them out. */
async function startAgent(t: Test): Promise<string> {
  const { port } = await startApp(t, ({ headers }, response) => {
    response.writeHead(headers.authorization === 'a.pod.identity' ? 200 : 401);
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.end(JSON.stringify({ ...INSTANCE_KEYS, Expiration }));
  });
  return `http://127.0.0.1:${port}/v1/credentials`;
}

const SOURCES: readonly (readonly [what: string, env: Record<string, string>, hasToken: boolean])[] = [
  ['a web identity', WEB_IDENTITY, true],
  ['the keys of a profile', { ...FILES, AWS_PROFILE: 'user' }, false],
  ['a role that a profile takes', { ...FILES, AWS_PROFILE: 'taken' }, true],
  [
    "an instance's role",
    { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: moto.endpoint },
    true,
  ],
  [
    "a container's role",
    {
      AWS_CONTAINER_CREDENTIALS_FULL_URI: await startAgent(t),
      AWS_CONTAINER_AUTHORIZATION_TOKEN: 'a.pod.identity',
    },
    true,
  ],
];

for (const [what, env, hasToken] of SOURCES) {
  t.test(what, { timeout: 120_000 }, async (t) => {
    const relay = await startRelay(t);
    const server = await startSite(t, relay.endpoint, env, program);
    const { port, log } = server;
    const { status, body } = await rawRequest(port, get('/media/a.txt'));
    t.equal(status, 200);
    t.equal(body.toString(), 'hello');
    t.same(
      log.filter(({ level }) => Number(level) >= 40),
      [],
      'nothing is wrong',
    );
    const signed = [...relay.asked().matchAll(/SignedHeaders=([\w;-]+)/g)].map(([, names = '']) =>
      names.split(';').includes('x-amz-security-token'),
    );
    t.ok(signed.length > 0);
    t.ok(
      signed.every((has) => has === hasToken),
      'the token of a session is signed along',
    );
    t.notMatch(server.errors, /STS region/, 'nor does the package miss a region');
  });
}

const MISTAKES: readonly (readonly [
  what: string,
  env: Record<string, string>,
  said: RegExp,
  isBeside?: boolean,
])[] = [
  ['nothing says where', {}, /there are no credentials: .*set AWS_ACCESS_KEY_ID/],
  [
    'the package is missing',
    { ...FILES, AWS_PROFILE: 'user' },
    /npm install @aws-sdk\/credential-providers/,
    false,
  ],
  ['a profile that is not there', { ...FILES, AWS_PROFILE: 'other' }, /check AWS_PROFILE \("other"\)$/],
  [
    'a token that is not there',
    { ...WEB_IDENTITY, AWS_WEB_IDENTITY_TOKEN_FILE: '/none' },
    /ENOENT.*check AWS_WEB_IDENTITY_TOKEN_FILE \("\/none"\)$/,
  ],
  [
    'a service that is not there',
    { ...WEB_IDENTITY, AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1' },
    /ECONNREFUSED.*check AWS_WEB_IDENTITY_TOKEN_FILE/,
  ],
  [
    'an instance without metadata',
    { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1' },
    /there are no credentials: .*a role of this instance/,
  ],
];

for (const [what, env, said, isBeside = true] of MISTAKES) {
  t.test(`none: ${what}`, { timeout: 120_000 }, async (t) => {
    const server = await startSite(t, moto.endpoint, env, isBeside ? program : undefined);
    const { msg } = await server.logged(({ level }) => Number(level) >= 40);
    t.comment(msg);
    t.match(msg, said);
    t.equal((await rawRequest(server.port, get('/page'))).status, 200, 'the app is served');
    t.equal((await rawRequest(server.port, get('/media/a.txt'))).status, 502);
    t.notOk(JSON.stringify(server.log).includes(secretAccessKey), 'no secret in the log');
  });
}
