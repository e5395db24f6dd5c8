/** Answers that the app writes little by little arrive little by little. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { underEachServer } from '../support/python.js';
import { Visitor } from './visitor.js';

await underEachServer(t, async (t, { origin }) => {
  const visitor = new Visitor(origin);
  t.teardown(() => visitor.leave());

  const answers = [
    { view: '/stream/', type: 'text/plain', pattern: /^\d+ ([\d.]+)$/gm },
    { view: '/events/', type: 'text/event-stream', pattern: /^data: ([\d.]+)$/gm },
  ];
  for (const { view, type, pattern } of answers) {
    await t.test(`the first part of ${view} arrives before the last is written`, async (t) => {
      const answer = await visitor.get(`${view}?lines=3&delay=0.25`);
      t.equal(answer.status, 200);
      t.match(answer.headers.get('content-type'), type);
      const arrivals: number[] = [];
      let text = '';
      for await (const chunk of answer.body ?? []) {
        arrivals.push(Date.now() / 1000);
        text += Buffer.from(chunk as Uint8Array).toString();
      }
      // The app writes the time of its own clock, which is this machine's, into each part.
      const written = [...text.matchAll(pattern)].map(([, time]) => Number(time));
      t.equal(written.length, 3);
      const [first = Number.POSITIVE_INFINITY] = arrivals;
      t.ok(first < (written.at(-1) ?? 0), `${first} is before ${written.at(-1)}`);
    });
  }

  await t.test('a long answer arrives whole', async (t) => {
    const length = 10_000_000;
    const answer = await visitor.get(`/bulk/?bytes=${length}`);
    t.equal(answer.headers.get('content-length'), String(length));
    const expected = Buffer.alloc(length, '0123456789abcdef');
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    t.equal(hash(Buffer.from(await answer.arrayBuffer())), hash(expected));
  });

  await t.test('a visitor who leaves in the middle disturbs nobody', async (t) => {
    const leaving = new AbortController();
    const answer = await visitor.request('/stream/?lines=20&delay=0.1', { signal: leaving.signal });
    const reader = answer.body?.getReader();
    await reader?.read();
    leaving.abort();
    await t.rejects(Promise.resolve(reader?.read()), { name: 'AbortError' });
    t.equal((await visitor.get('/')).status, 200);
  });
});
