// Work that a client or an app can ask for is linear in what it sent: every function that reads such bytes is given a
// little and a lot of the worst that is known for it. And no bytes cost much more than ordinary ones: the thread is
// everybody's. What is measured is the processor's time of this process, so that a busy machine changes nothing.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import t from 'tap';
import { type Clock, costOf, examine, HEAD, processorTime } from './growth.js';
import type { Reader } from './inputs.js';
import { READERS } from './readers.js';

/** What an ordinary request of the size of a head costs with Node's own server, in milliseconds. */
async function ordinaryCost(): Promise<number> {
  const server = createServer((_request, response) => response.end('ordinary'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.setEncoding('latin1');
  const cookies = 'name=0123456789abcdef; '.repeat(HEAD / 23 - 10);
  const request = `GET /page HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\nCookie: ${cookies}\r\n\r\n`;
  const ask = async (): Promise<void> => {
    client.write(request, 'latin1');
    for (let answer = ''; !answer.includes('ordinary'); ) answer += (await once(client, 'data'))[0];
  };
  // It takes a while until all of it is compiled.
  for (let times = 0; times < 300; times++) await ask();
  const cost = await costOf(() => ask, 10, processorTime);
  client.destroy();
  server.close();
  return cost;
}

const ordinary = await ordinaryCost();
t.comment(`an ordinary request of ${HEAD} bytes costs ${ordinary} ms`);

for (const { name, prepare, inputs, isDripped = false } of READERS) {
  const most = isDripped ? Number.POSITIVE_INFINITY : ordinary;
  t.test(`${name}: the work is linear in what was sent${isDripped ? '' : ', and little'}`, async (t) => {
    for (const [what, input] of Object.entries(inputs))
      t.equal(await examine(prepare, input, most), undefined, what);
  });
}

/** Work whose cost is known, on a clock that only it moves. */
function working(cost: (size: number) => number): [prepare: Reader['prepare'], clock: Clock] {
  let now = 0;
  const prepare = (text: string) => (): void => {
    now += cost(text.length);
  };
  return [prepare, () => now];
}

t.test('what grows faster than its input is found out, and so is what is linear and dear', async (t) => {
  const letters = (size: number): string => 'a'.repeat(size);
  const cases: readonly [what: string, cost: (size: number) => number, fault: RegExp | undefined][] = [
    ['linear', (size) => size / 1e5, undefined],
    ['linear, beside a start', (size) => 0.1 + size / 1e5, undefined],
    ['by the logarithm more', (size) => (size * Math.log2(size)) / 1e6, undefined],
    ['constant', () => 0.01, undefined],
    ['with the square', (size) => size ** 2 / 1e9, /65536 bytes cost/],
    ['with the power of 1.7', (size) => size ** 1.7 / 1e7, /65536 bytes cost/],
    ['linear and dear', (size) => size / 800, /ordinary requests cost/],
    ['more than any input may', (size) => size / 500, /65536 bytes cost/],
  ];
  for (const [what, cost, fault] of cases) {
    const [prepare, clock] = working(cost);
    const found = await examine(prepare, letters, 1, clock);
    if (fault === undefined) t.equal(found, undefined, what);
    else t.match(found, fault, what);
  }
});

t.test('what a test makes of the bytes first is not counted', async (t) => {
  const [prepare, clock] = working((size) => size ** 2);
  const made = (text: string) => {
    prepare(text)();
    return () => {};
  };
  t.equal(await examine(made, (size) => 'a'.repeat(size), 1, clock), undefined);
});

t.test('a pattern that tries all ways to share out a run of spaces is found out', async (t) => {
  const pattern = /^ *(?:(\d+) *- *(\d+)?|-(\d+)) *$/;
  // Fewer than could be sent: they take it long enough.
  const spaces = (size: number): string => `1-${' '.repeat(size / 16)}x`;
  t.match(await examine((text) => () => pattern.test(text), spaces, ordinary), /bytes cost/);
  t.equal(await examine((text) => () => text.trim().length, spaces, ordinary), undefined);
});
