// One host name: who waits for its lookup, and what stays when it fails. Lookups are answered by the test.
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type LookupTimes, Resolver, shareLookups } from '../../src/upstream/resolver.js';
import { withStillTimers } from '../support/clock.js';
import { until } from '../support/until.js';

interface Name {
  readonly resolver: Resolver;
  /** How often it was looked up. */
  readonly lookups: number;
  /** What is known of it, told or kept. */
  readonly addresses: readonly string[];
  readonly failures: readonly string[];
  /** Answers the lookup that is under way. */
  answer(...addresses: string[]): Promise<void>;
  fail(code: string): Promise<void>;
}

const LONG: LookupTimes = { lookupPatience: 60_000, lookupInterval: 60_000, unknownPatience: 60_000 };

function nameOf(t: Test, times: Partial<LookupTimes> = {}): Name {
  let lookups = 0;
  let known: readonly string[] = [];
  let settle: { found: (addresses: string[]) => void; failed: (error: Error) => void } | undefined;
  const failures: string[] = [];
  const lookUp = (): Promise<readonly string[]> => {
    lookups += 1;
    return new Promise((found, failed) => {
      settle = { found, failed };
    });
  };
  const resolver = new Resolver(
    'app',
    lookUp,
    { ...LONG, ...times },
    {
      changed: (addresses) => {
        known = addresses;
      },
      failed: (error) => failures.push((error as NodeJS.ErrnoException).code ?? ''),
    },
  );
  t.teardown(() => resolver.close());
  return {
    resolver,
    get lookups() {
      return lookups;
    },
    get addresses() {
      return known;
    },
    failures,
    async answer(...addresses) {
      settle?.found(addresses);
      await turn();
    },
    async fail(code) {
      settle?.failed(Object.assign(new Error(code), { code }));
      await turn();
    },
  };
}

/** Whether a wait is over by now. */
async function isOver(wait: Promise<void> | undefined): Promise<boolean> {
  if (wait === undefined) return true;
  let over = false;
  wait.then(
    () => {
      over = true;
    },
    () => {},
  );
  await turn();
  return over;
}

t.test('all that wait share one lookup, and the next one begins when it is over', async (t) => {
  const name = nameOf(t);
  const waits = [name.resolver.soon(), name.resolver.soon(), name.resolver.underWay];
  t.equal(name.lookups, 1);
  for (const wait of waits) t.notOk(await isOver(wait));
  await name.answer('192.0.2.1');
  for (const wait of waits) t.ok(await isOver(wait));
  t.same(name.addresses, ['192.0.2.1']);
  t.equal(name.resolver.underWay, undefined);
  const next = name.resolver.soon();
  t.equal(name.lookups, 2, 'nothing is kept from asking');
  await name.answer('192.0.2.2', '192.0.2.1');
  t.ok(await isOver(next));
  t.same(name.addresses, ['192.0.2.2', '192.0.2.1']);
});

t.test('addresses stay when a lookup fails', async (t) => {
  const name = nameOf(t);
  name.resolver.begin();
  await name.answer('192.0.2.1');
  for (const code of ['EAI_AGAIN', 'ENOTFOUND', 'EAI_FAIL']) {
    const wait = name.resolver.soon();
    await name.fail(code);
    t.ok(await isOver(wait), code);
    t.match(name.resolver.error, { code });
  }
  t.same(name.addresses, ['192.0.2.1']);
  t.same(name.failures, ['EAI_AGAIN', 'ENOTFOUND', 'EAI_FAIL']);
  name.resolver.begin();
  await name.answer('192.0.2.1');
  t.equal(name.resolver.error, undefined);
});

t.test('a lookup that takes long is waited for once', async (t) => {
  withStillTimers((pass) => {
    const name = nameOf(t, { lookupPatience: 250 });
    t.ok(name.resolver.soon());
    pass(249);
    t.ok(name.resolver.soon());
    pass(1);
    t.equal(name.resolver.soon(), undefined, 'who comes later goes on at once');
    t.equal(name.lookups, 1);
  });
  const name = nameOf(t, { lookupPatience: 1 });
  const wait = name.resolver.soon();
  await until(() => isOver(wait), 'whoever waited goes on');
  t.ok(name.resolver.underWay, 'and the lookup, too');
  await name.answer('192.0.2.1');
  t.same(name.addresses, ['192.0.2.1']);
  t.ok(name.resolver.soon(), 'the next one is waited for again');
});

t.test('a name that stays unknown loses its addresses, and not before', async (t) => {
  const name = nameOf(t, { unknownPatience: 20 });
  name.resolver.begin();
  await name.answer('192.0.2.1');
  const since = performance.now();
  let first: number | undefined;
  await until(async () => {
    name.resolver.begin();
    first ??= performance.now();
    await name.fail('ENOTFOUND');
    return name.addresses.length === 0;
  }, 'they are gone');
  t.ok(performance.now() - (first ?? since) >= 20);
  name.resolver.begin();
  await name.answer('192.0.2.1');
  t.same(name.addresses, ['192.0.2.1'], 'and has them again when it is known');
});

t.test('while connections are kept it is looked up at intervals', async (t) => {
  const name = nameOf(t, { lookupInterval: 30 });
  const since = performance.now();
  name.resolver.keepUp();
  await name.answer('192.0.2.1');
  await until(() => {
    name.resolver.keepUp();
    return name.lookups > 1;
  }, 'once more');
  t.ok(performance.now() - since >= 30);
});

t.test('when it is closed nobody waits, and nothing is told', async (t) => {
  const name = nameOf(t);
  const waits = [name.resolver.soon(), name.resolver.underWay];
  name.resolver.close();
  for (const wait of waits) t.ok(await isOver(wait));
  await name.answer('192.0.2.1');
  t.same(name.addresses, []);
  t.equal(name.resolver.soon(), undefined);
  t.equal(name.lookups, 1);
});

t.test('locations with the same name share its lookup', async (t) => {
  const asked: string[] = [];
  const lookUp = shareLookups(async (host) => {
    asked.push(host);
    await turn();
    if (host === 'gone') throw new Error('unknown');
    return ['192.0.2.1'];
  });
  t.same(await Promise.all([lookUp('a'), lookUp('a')]), [['192.0.2.1'], ['192.0.2.1']]);
  await t.rejects(Promise.all([lookUp('gone'), lookUp('gone')]));
  await t.rejects(lookUp('gone'));
  t.same(asked, ['a', 'gone', 'gone']);
});
