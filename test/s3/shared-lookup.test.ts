// Lookups of a host's name: one at a time, and not without end when none is answered.
import type { LookupFunction } from 'node:net';
import t from 'tap';
import { sharedLookup } from '../../src/s3/shared-lookup.js';

type Answer = Parameters<LookupFunction>[2];

t.test('whoever asks for the same name at the same time waits for one lookup', async (t) => {
  const asked: string[] = [];
  const answers: Answer[] = [];
  const lookup = sharedLookup((host, options, answer) => {
    asked.push(`${host} ${options.family ?? 0}`);
    answers.push(answer);
  });
  const told: string[] = [];
  const ask = (host: string, name: string, family = 0): void =>
    lookup(host, { family }, (error, address) => told.push(`${name}: ${error?.code ?? address}`));
  ask('a', 'first');
  ask('a', 'second');
  ask('a', 'third', 6);
  ask('b', 'fourth');
  t.same(asked, ['a 0', 'a 6', 'b 0']);
  answers[0]?.(null, '192.0.2.1', 4);
  answers[1]?.(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }), '');
  t.same(told, ['first: 192.0.2.1', 'second: 192.0.2.1', 'third: ENOTFOUND']);
  ask('a', 'later');
  t.equal(asked.length, 4, 'nothing is kept');
});

t.test('while a lookup hangs not everybody may wait for it', async (t) => {
  const lookup = sharedLookup(() => {});
  const told: unknown[] = [];
  for (let times = 0; times < 1025; times++) lookup('a', {}, (error) => told.push(error?.code));
  t.same(told, ['EAI_AGAIN']);
});
