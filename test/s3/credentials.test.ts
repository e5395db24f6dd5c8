// Credentials: where they come from, when they are asked for anew, and that they are in no message.
import t from 'tap';
import type { MayWait } from '../../src/http/may-wait.js';
import {
  type Credentials,
  credentialSource,
  environmentCredentials,
  type ProvidedCredentials,
  providerChain,
  RenewedCredentials,
  regionAsked,
} from '../../src/s3/credentials.js';
import { errorOf } from '../support/s3-client.js';

const MINUTE = 60_000;

t.test('those of the environment are taken as they are', async (t) => {
  const keys = { AWS_ACCESS_KEY_ID: ' id\n', AWS_SECRET_ACCESS_KEY: 'secret' };
  t.same(environmentCredentials(keys), { accessKeyId: 'id', secretAccessKey: 'secret' });
  t.same(await credentialSource({ ...keys, AWS_SESSION_TOKEN: 'token' }).get(), {
    accessKeyId: 'id',
    secretAccessKey: 'secret',
    sessionToken: 'token',
  });
  t.equal(environmentCredentials({ AWS_SESSION_TOKEN: 'token', AWS_ACCESS_KEY_ID: '' }), undefined);
  t.throws(() => environmentCredentials({ AWS_ACCESS_KEY_ID: 'hunter2' }), {
    name: 'TypeError',
    message: 'AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not; set both',
  });
  t.throws(() => credentialSource({ AWS_SECRET_ACCESS_KEY: 'hunter2' }), {
    message: 'AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not; set both',
  });
});

/** A provider that a test answers, one question after another. */
class Store {
  now = 0;
  readonly asked: boolean[] = [];
  readonly notices: string[] = [];
  readonly #answers: { resolve(found: ProvidedCredentials): void; reject(error: Error): void }[] = [];
  readonly credentials = new RenewedCredentials(
    (options) => {
      this.asked.push(options?.forceRefresh === true);
      return new Promise((resolve, reject) => this.#answers.push({ resolve, reject }));
    },
    (notice) => this.notices.push(notice),
    () => this.now,
  );

  /** @param minutes until they end */
  async find(name: string, minutes?: number): Promise<void> {
    const expiration = minutes === undefined ? undefined : new Date(this.now + minutes * MINUTE);
    this.#answers.shift()?.resolve({ accessKeyId: name, secretAccessKey: 'hunter2', expiration });
    await turn();
  }

  async fail(message: string): Promise<void> {
    this.#answers.shift()?.reject(new Error(message));
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const name = async (found: MayWait<Credentials>): Promise<string> => (await found).accessKeyId;

t.test('those that end are renewed before, by one lookup, while the old ones are used', async (t) => {
  const store = new Store();
  const { credentials } = store;
  const waiting = [name(credentials.get()), name(credentials.get())];
  t.same(store.asked, [false], 'one lookup for both');
  await store.find('first', 60);
  t.same(await Promise.all(waiting), ['first', 'first']);
  t.equal(await credentials.get(), await credentials.get(), 'the same object as long as they are the same');
  store.now += 54 * MINUTE;
  await credentials.get();
  t.equal(store.asked.length, 1, 'there is time');
  store.now += 2 * MINUTE;
  t.equal(await name(credentials.get()), 'first', 'nobody waits');
  await credentials.get();
  t.equal(store.asked.length, 2, 'one lookup');
  await store.find('second', 60);
  t.equal(await name(credentials.get()), 'second');
  store.now += 60 * MINUTE;
  const late = name(credentials.get());
  await store.find('third');
  t.equal(await late, 'third', 'those that have ended are used no more');
  store.now += 365 * 24 * 60 * MINUTE;
  t.equal(await name(credentials.get()), 'third', 'those that never end stay');
  t.equal(store.asked.length, 3);
});

t.test('a lookup that fails is told, and not repeated at once', async (t) => {
  const store = new Store();
  const { credentials } = store;
  const first = credentials.get();
  const failed = errorOf(first);
  await store.fail('Command failed: get-keys --password hunter2\nstderr');
  const { kind, message } = await failed;
  t.equal(kind, 'bad-credentials');
  t.match(message, /credential_process of the profile failed; set AWS_ACCESS_KEY_ID/);
  t.notMatch(message, /hunter2/);
  t.equal((await errorOf(credentials.get())).message, message);
  t.equal(store.asked.length, 1);
  store.now += 6000;
  const second = name(credentials.get());
  await store.find('first', 10);
  t.equal(await second, 'first');
  store.now += 6 * MINUTE;
  t.equal(await name(credentials.get()), 'first');
  await store.fail('the metadata service does not answer');
  t.match(store.notices, [/end in 4 minutes cannot be renewed: .*the metadata service does not answer/]);
  t.equal(await name(credentials.get()), 'first', 'the old ones are used as long as they are good');
  t.equal(store.asked.length, 3);
  store.now += MINUTE;
  await credentials.get();
  t.equal(store.asked.length, 4, 'and the new ones asked for again');
  await store.fail('again');
  store.now += 4 * MINUTE;
  const last = errorOf(credentials.get());
  await store.fail('to the end');
  t.match(await last, { kind: 'bad-credentials' }, 'not longer than that');
});

t.test('those that have ended when they are found are used for a moment', async (t) => {
  const store = new Store();
  const found = name(store.credentials.get());
  await store.find('ended', -1);
  t.equal(await found, 'ended');
  t.equal(await name(store.credentials.get()), 'ended');
  t.equal(store.asked.length, 1);
  store.now += 6000;
  const next = name(store.credentials.get());
  await store.find('good', 60);
  t.equal(await next, 'good');
});

t.test('those that the store refuses are asked for anew, though not without end', async (t) => {
  const store = new Store();
  const { credentials } = store;
  const first = credentials.get();
  await store.find('first', 60);
  store.now += MINUTE;
  credentials.refused(await first);
  credentials.refused(await first);
  const second = credentials.get();
  await store.find('second', 60);
  t.equal(await name(second), 'second');
  t.same(store.asked, [false, true], 'whoever keeps them is told to look again');
  store.now += MINUTE;
  credentials.refused(await first);
  t.equal(await name(credentials.get()), 'second', 'what was refused before concerns the old ones');
  credentials.refused(await second);
  const third = credentials.get();
  await store.find('third', 60);
  credentials.refused(await third);
  t.equal(await name(credentials.get()), 'third');
  t.equal(store.asked.length, 3, 'new ones that are refused too are not asked for at once again');
});

t.test('what was gone by is named when nothing was found there', async (t) => {
  const nothing = (): Promise<never> => Promise.reject(new Error('Could not load credentials'));
  const told = async (...sources: string[]): Promise<string> =>
    (await errorOf(new RenewedCredentials(nothing, () => {}, Date.now, sources).get())).message;
  t.equal(
    await told('AWS_PROFILE ("other")', 'AWS_WEB_IDENTITY_TOKEN_FILE ("/token")'),
    'there are no credentials: Could not load credentials; check AWS_PROFILE ("other") and AWS_WEB_IDENTITY_TOKEN_FILE ("/token")',
  );
  t.match(await told(), /: Could not load credentials; set AWS_ACCESS_KEY_ID and .* AWS_PROFILE/);
});

t.test('roles are asked for in the region of the environment, or else of the bucket', async (t) => {
  t.equal(regionAsked({}, 'cn-north-1'), 'cn-north-1');
  t.equal(regionAsked({ AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-1' }, 'cn-north-1'), 'eu-west-1');
  t.equal(
    regionAsked({ AWS_REGION: 'eu-west-2', AWS_DEFAULT_REGION: 'eu-west-1' }, 'cn-north-1'),
    undefined,
    'which the package finds by itself',
  );
  t.equal(regionAsked({}, undefined), undefined);
});

t.test("AWS's package is loaded when it is needed, and named when it is missing", async (t) => {
  let loaded = 0;
  const chain = providerChain(async () => {
    loaded += 1;
    return { fromNodeProviderChain: () => async () => ({ accessKeyId: 'x', secretAccessKey: 'y' }) };
  });
  t.equal(loaded, 0);
  t.match(await chain(), { accessKeyId: 'x' });
  await chain();
  t.equal(loaded, 1);
  const inits: unknown[] = [];
  const load = async (): Promise<unknown> => ({
    fromNodeProviderChain: (init: unknown) => async () => {
      inits.push(init);
      return { accessKeyId: 'x', secretAccessKey: 'y' };
    },
  });
  await providerChain(load)();
  await providerChain(load, 'cn-north-1')();
  t.same(inits, [{}, { clientConfig: { region: 'cn-north-1' } }], 'in the region whose role it is');
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  const { kind, message } = await errorOf(providerChain(() => Promise.reject(missing))());
  t.equal(kind, 'bad-credentials');
  t.match(
    message,
    /set AWS_ACCESS_KEY_ID and .*--s3-anonymous.*npm install @aws-sdk\/credential-providers, with -g /,
  );
  const broken = await errorOf(providerChain(() => Promise.reject(new Error('of an older Node')))());
  t.match(broken.message, /@aws-sdk\/credential-providers cannot be loaded: of an older Node/);
});
