/** A media-serve over the bucket of a real server, and what it says when it is told something wrong. */
import type { Test } from 'tap';
import { startRecorder } from './app.js';
import { KNOWS_NAMES_HERE } from './names-here.js';
import { get, rawRequest } from './raw.js';
import { environmentOf, placeOf, put, type RealStore } from './real-store.js';
import { type RunningServer, startServer } from './server.js';

/** What is given wrongly to a media-serve, and what its log must say, all of which is in one line. */
export interface Mistake {
  readonly what: string;
  readonly env?: Record<string, string>;
  /** In place of those that are right. */
  readonly args?: readonly string[];
  readonly bucket?: string;
  /** Options of Node. */
  readonly node?: readonly string[];
  readonly said: readonly RegExp[];
  /** Of an object that is there; 502 where nothing is said. */
  readonly status?: number;
}

/** Starts one that serves what is below `media/` in the bucket. */
export async function startSite(
  t: Test,
  store: RealStore,
  { args = [], node = [], env, bucket = store.bucket }: Partial<Mistake> = {},
): Promise<RunningServer> {
  const { address } = await startRecorder(t);
  const place = placeOf(store);
  for (let index = 0; index < args.length; index += 2) {
    const at = place.indexOf(args[index] ?? '');
    if (at >= 0) place.splice(at, 2);
  }
  return startServer(t, ['--root', `s3://${bucket}/media`, ...place, ...args, '--upstream', address], {
    env: { ...environmentOf(store), ...env },
    node: [...KNOWS_NAMES_HERE, ...node],
  });
}

/** The log names the mistake, and the app is served all the same. */
export async function checkMistake(t: Test, store: RealStore, mistake: Mistake): Promise<void> {
  await put(store, 'media/a.txt', 'hello');
  const server = await startSite(t, store, mistake);
  const line = await server.logged(
    ({ level, msg }) => Number(level) >= 40 && mistake.said.every((part) => part.test(String(msg))),
  );
  t.comment(line['msg']);
  t.equal((await rawRequest(server.port, get('/page'))).status, 200, 'the app is served');
  const { status, body } = await rawRequest(server.port, get('/media/a.txt'));
  t.equal(status, mistake.status ?? 502);
  t.notMatch(body.toString(), /<\?xml|<Error>/, "nobody gets the store's page");
  const secrets = [store.credentials.secretAccessKey, 'Signature='];
  for (const secret of secrets) t.notOk(JSON.stringify(server.log).includes(secret), 'no secret in the log');
}
