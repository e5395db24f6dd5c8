/** Answers that the app writes little by little arrive little by little. */
import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import type { Deployment } from '../support/python.js';
import { Visitor } from './visitor.js';

export async function streaming(t: Test, { origin }: Deployment): Promise<void> {
  const visitor = new Visitor(origin);
  t.teardown(() => visitor.leave());

  const answers = [
    { view: '/stream/', type: 'text/plain', pattern: /^\d+ [\d.]+$/gm },
    { view: '/events/', type: 'text/event-stream', pattern: /^data: [\d.]+$/gm },
  ];
  for (const { view, type, pattern } of answers) {
    await t.test(`parts of ${view} arrive long before the last is written`, async (t) => {
      const leaving = new AbortController();
      // The whole of it would take 20 seconds.
      const { signal } = leaving;
      const answer = await visitor.request(`${view}?lines=100&delay=0.2`, { signal });
      t.equal(answer.status, 200);
      t.match(answer.headers.get('content-type'), type);
      const reader = answer.body?.getReader();
      let text = '';
      const partsOf = (): number => text.match(pattern)?.length ?? 0;
      while (partsOf() < 2) {
        const part = await reader?.read();
        if (part === undefined || part.done) break;
        text += Buffer.from(part.value).toString();
      }
      t.ok(partsOf() >= 2 && partsOf() < 100, `${partsOf()} parts have come`);
      leaving.abort();
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
}
