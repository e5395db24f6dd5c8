// Who asks a disk that may hang: how many threads, how long they are waited for, and what becomes of what comes too late.
// The threads are made up here, and answer when the test says so; real ones ask a real disk that hangs in
// server/hung-disk.test.ts.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { DiskAnswer, DiskRequest, DiskResult, DiskTask } from '../../../src/stores/disk/disk-task.js';
import type { AskedThread } from '../../../src/stores/disk/disk-thread.js';
import { type BeginThread, DiskThreads } from '../../../src/stores/disk/disk-threads.js';
import type { KnownDirectory } from '../../../src/stores/disk/protected-directories.js';
import type { StoreError } from '../../../src/stores/store.js';
import { until } from '../../support/until.js';

type Listener = Parameters<BeginThread>[1];

/** A thread that answers when it is told to. */
class MadeUpThread implements AskedThread {
  readonly window = Buffer.alloc(16);
  readonly hasBegun = true;
  hasAnswered = true;
  hasEnded = false;
  readonly asked: DiskRequest[] = [];
  readonly #listener: Listener;
  #tellEnd = (): void => {};

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** What it is at; undefined when it has nothing to do. */
  get task(): DiskTask | undefined {
    return this.hasAnswered ? undefined : this.asked.at(-1)?.task;
  }

  ask(request: DiskRequest): void {
    this.asked.push(request);
    this.hasAnswered = false;
  }

  answer(result: DiskResult = NOTHING, learned: DiskAnswer['learned'] = []): void {
    this.hasAnswered = true;
    this.#tellEnd();
    this.#listener.onAnswer(this, { result, learned });
  }

  fail(error: Error): void {
    this.#listener.onFailure(this, error);
  }

  end(): Promise<void> {
    this.hasEnded = true;
    return new Promise((resolve) => {
      this.#tellEnd = resolve;
      if (this.hasAnswered) resolve();
    });
  }
}

const NOTHING: DiskResult = { kind: 'stat', version: undefined };
const STAT: DiskTask = { kind: 'stat', path: 'a' };
const FOREVER = 1e6;

interface Options {
  readonly threads?: number;
  readonly timeout?: number;
  readonly patience?: number;
  readonly idle?: number;
}

function start(t: Test, { threads = 4, timeout = FOREVER, patience = 1, idle = FOREVER }: Options = {}) {
  const begun: MadeUpThread[] = [];
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const begin: BeginThread = (_options, listener) => {
    const thread = new MadeUpThread(listener);
    begun.push(thread);
    return thread;
  };
  const options = { root: '/srv/media', policy: { symlinks: 'inside' }, threads, timeout, log } as const;
  const pool = new DiskThreads(options, begin, { patience, idle, end: 1, trial: FOREVER });
  t.teardown(() => pool.end());
  const outcomes: string[] = [];
  /** Asks, and keeps in mind what comes of it. */
  const ask = (task = STAT, over?: () => void): void => {
    pool
      .ask(task, '/srv/media/a', ({ kind }) => kind, over)
      .then(
        (kind) => outcomes.push(kind),
        (error: StoreError) => outcomes.push(error.failure),
      );
  };
  const working = (): number => begun.filter(({ task }) => task !== undefined).length;
  return { pool, begun, lines, outcomes, ask, working };
}

t.test('what lies in the window is taken before the thread is asked again', async (t) => {
  const { pool, begun } = start(t, { threads: 1 });
  const take = (result: DiskResult, window: Buffer): string =>
    window.toString('latin1', 0, result.kind === 'bytes' ? result.length : 0);
  const read = (): Promise<string> => pool.ask(STAT, 'a', take);
  const both = Promise.all([read(), read()]);
  const [thread] = begun;
  for (const text of ['one', 'other']) {
    const length = thread?.window.write(text) ?? 0;
    thread?.answer({ kind: 'bytes', length });
  }
  t.same(await both, ['one', 'other']);
});

t.test('two threads work, and more when all of them are slow, as many as there may be', async (t) => {
  const { begun, outcomes, ask, working } = start(t, { threads: 4 });
  for (let count = 0; count < 10; count++) ask();
  t.equal(working(), 2);
  await until(() => working() === 4, 'it is slow');
  t.equal(begun.length, 4);
  for (const thread of begun) while (thread.task !== undefined) thread.answer();
  await until(() => outcomes.length === 10, 'all are answered');
});

t.test('while answers come, or are on their way, no more threads work', async (t) => {
  const { begun, ask, working, outcomes } = start(t, { threads: 4, patience: 20 });
  for (let count = 0; count < 4; count++) ask();
  // This thread was too busy to read what the others have answered.
  for (const thread of begun) thread.hasAnswered = true;
  const end = performance.now() + 100;
  await until(() => performance.now() > end, 'a while passes');
  t.equal(begun.length, 2);
  for (const thread of begun) thread.answer();
  for (const thread of begun) thread.answer();
  await until(() => outcomes.length === 4, 'all are answered');
  t.equal(working(), 0);
});

t.test('what takes too long is given up, named in the log, and given back when it comes', async (t) => {
  const { begun, lines, outcomes, ask } = start(t, { timeout: 20 });
  let isOver = false;
  ask({ kind: 'find', path: 'a', siblings: [], known: new Map() }, () => {
    isOver = true;
  });
  await until(() => outcomes.length === 1, 'it is given up');
  t.same(outcomes, ['timeout']);
  t.match(lines, [{ level: 40, root: '/srv/media', path: '/srv/media/a', call: 'find', timeout: 20 }]);
  t.notOk(isOver, 'the disk still works with it');
  const version = { dev: 1, ino: 1, size: 1e6, mtimeMs: 0, ctimeMs: 0 };
  const file = { version, modified: 0, descriptor: 77, length: 0 };
  const [thread] = begun;
  thread?.answer({
    kind: 'found',
    suffix: '',
    original: undefined,
    isKnown: false,
    unusable: [],
    snapshot: undefined,
    file,
  });
  t.ok(isOver);
  t.same(thread?.task, { kind: 'close', descriptor: 77 }, 'nobody wants it any more');
  thread?.answer({ kind: 'closed' });
  ask();
  thread?.answer();
  await until(() => outcomes.length === 2, 'it works again');
  t.equal(begun.length, 1);
});

t.test('when all hang, requests are refused at once, and now and then one tries', async (t) => {
  const { begun, lines, outcomes, ask } = start(t, { threads: 2, timeout: 30 });
  for (let count = 0; count < 6; count++) ask();
  await until(() => outcomes.length === 6, 'all are refused');
  t.same(outcomes.splice(0).sort(), ['hung', 'hung', 'hung', 'hung', 'timeout', 'timeout']);
  ask();
  await until(() => outcomes.length === 1, 'at once');
  t.same(outcomes.splice(0), ['hung']);
  t.equal(begun.length, 2);
  const told = (text: string): number => lines.filter(({ msg }) => String(msg).includes(text)).length;
  t.equal(told('all threads of this root wait'), 1);
  // Each trial hangs as well: there is an end to them.
  const trials = async (): Promise<void> => {
    await until(() => {
      ask();
      return begun.length === 4;
    }, 'it is tried twice');
  };
  await trials();
  await until(() => outcomes.filter((outcome) => outcome === 'timeout').length === 2, 'both hang');
  t.equal(told('all threads of this root wait'), 1, 'said once');
  const before = begun.length;
  const end = performance.now() + 300;
  await until(() => {
    ask();
    return performance.now() > end;
  }, 'a while passes');
  t.equal(begun.length, before, 'no more than twice as many');
  outcomes.splice(0);
  begun[0]?.answer();
  t.equal(told('the disk answers again'), 1);
  ask();
  begun[0]?.answer();
  await until(() => outcomes.length === 1, 'it works again');
  t.same(outcomes, ['stat']);
});

t.test('no more wait than can be answered in time', async (t) => {
  const { outcomes, ask } = start(t, { threads: 1 });
  for (let count = 0; count < 100; count++) ask();
  await until(() => outcomes.length === 35, 'those past the bound are refused');
  t.equal(
    outcomes.every((outcome) => outcome === 'hung'),
    true,
  );
});

t.test('a thread that ends fails what it was at, and the next gets another one', async (t) => {
  const { begun, lines, outcomes, ask } = start(t, { threads: 1 });
  ask();
  ask();
  begun[0]?.fail(new Error('out of memory'));
  t.match(lines, [{ level: 50, root: '/srv/media' }]);
  begun[1]?.fail(Object.assign(new Error('EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' }));
  await until(() => outcomes.length === 2, 'both are told');
  t.same(outcomes, ['failed', 'busy']);
  t.equal(lines.length, 1, 'a lack of descriptors is no defect');
  ask();
  begun[2]?.answer();
  await until(() => outcomes.length === 3, 'it works again');
});

t.test('what one thread has found to be protected, the others are told', async (t) => {
  const { pool, begun, ask } = start(t, { threads: 2 });
  const known = (ino: bigint): KnownDirectory => ({ dev: 1n, ino, birthtimeNs: 5n });
  pool.learn([known(1n)]);
  ask();
  ask();
  const [one, other] = begun;
  t.same(one?.asked[0]?.learned, [known(1n)], 'what was known before');
  one?.answer(NOTHING, [known(1n), known(2n)]);
  other?.answer();
  ask();
  ask();
  const told = begun.map(({ asked }) => asked.at(-1)?.learned);
  t.same(told, [
    [known(1n), known(2n)],
    [known(1n), known(2n)],
  ]);
  for (const thread of begun) thread.answer();
  ask();
  t.same(
    begun.map(({ asked }) => asked.at(-1)?.learned).filter((each) => each?.length === 0).length,
    1,
    'once',
  );
});

t.test('threads that have nothing to do end, but for one', async (t) => {
  const { begun, outcomes, ask, working } = start(t, { threads: 4, idle: 10 });
  for (let count = 0; count < 4; count++) ask();
  await until(() => working() === 4, 'it is slow');
  for (const thread of begun) thread.answer();
  const left = (): number => begun.filter(({ hasEnded }) => !hasEnded).length;
  await until(() => left() === 1, 'one is left');
  ask();
  for (const thread of begun) if (!thread.hasEnded) thread.answer();
  await until(() => outcomes.length === 5, 'it is asked');
});

t.test('at the end everything is refused, and what hangs is known', async (t) => {
  const { pool, begun, outcomes, ask } = start(t, { threads: 1 });
  ask();
  ask();
  await pool.end();
  await until(() => outcomes.length === 2, 'whoever asked is told');
  t.same(outcomes.splice(0), ['hung', 'timeout']);
  t.ok(pool.isHeldUp, 'one is waited for');
  ask();
  await until(() => outcomes.length === 1, 'what comes later too');
  t.same(outcomes, ['hung']);
  begun[0]?.answer();
  await until(() => !pool.isHeldUp, 'it has ended');
});
