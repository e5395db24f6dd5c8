// Work that a client or an app can ask for is linear in what it sent: every function that reads such bytes is given more
// and more of the worst that is known for it. And no bytes cost much more than ordinary ones: the thread is everybody's.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import t from 'tap';
import type { Reader } from './inputs.js';
import { READERS } from './readers.js';

/** How the sizes grow, in bytes; the last is more than a head may have. */
const SIZES = [1024, 16_384, 65_536] as const;
/** A head of the usual size. */
const HEAD = 16_384;
/** Linear work grows as its input does, or, with all that memory and its collection do to it, this many times as much. */
const SLACK = 12;
/** How much more than ordinary bytes of the same size any bytes may cost. */
const MOST = 20;
/** In milliseconds: no input may cost so much, on any machine. */
const TOO_MUCH = 100;
/** A machine that is busy can disturb a measurement, but not all of so many. */
const ATTEMPTS = 4;
/** How long the first one measures, in milliseconds; each later one does so four times as long, until all is compiled. */
const FIRST = 4;

/**
 * Milliseconds that one run takes: the least of several, which other processes disturb least.
 * @param time how long it is run again and again, in milliseconds
 */
async function costOf(run: () => unknown, time: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  for (let times = 0; elapsed() < time || (times < 3 && elapsed() < 500); times++) {
    const before = performance.now();
    try {
      await run();
    } catch {
      // To refuse is an answer.
    }
    least = Math.min(least, performance.now() - before);
  }
  return least;
}

/** What is wrong with these costs, by size, if anything. */
function faultOf(costs: ReadonlyMap<number, number>, ordinary: number): string | undefined {
  const [[smallest, least] = [0, 0]] = costs;
  for (const [size, cost] of costs) {
    const most = Math.max(least, 0.002) * (size / smallest) * SLACK;
    if (cost > most) return `${size} bytes cost ${cost} ms, and ${smallest} bytes ${least} ms`;
  }
  const cost = costs.get(HEAD) ?? 0;
  return cost > MOST * ordinary ? `${cost} ms, and an ordinary request costs ${ordinary} ms` : undefined;
}

/** Measures until nothing is wrong, or too often; what is wrong at each size with the least that it ever cost. */
async function examine(
  read: Reader['read'],
  input: (size: number) => string,
  ordinary: number,
): Promise<string | undefined> {
  const costs = new Map<number, number>();
  let fault: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const size of SIZES) {
      // Flat, and of one byte for each character, as a parser has it.
      const bytes = Buffer.from(input(size), 'latin1').toString('latin1');
      const cost = await costOf(() => read(bytes), FIRST * 4 ** attempt);
      costs.set(size, Math.min(cost, costs.get(size) ?? cost));
      // More would only take longer.
      if (cost > TOO_MUCH) break;
    }
    fault = faultOf(costs, ordinary);
    if (fault === undefined) return undefined;
  }
  return fault;
}

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
  for (let times = 0; times < 500; times++) await ask();
  const cost = await costOf(ask, FIRST);
  client.destroy();
  server.close();
  return cost;
}

const ordinary = await ordinaryCost();
t.comment(`an ordinary request of ${HEAD} bytes costs ${ordinary} ms`);

for (const { name, read, inputs, isDripped = false } of READERS) {
  const most = isDripped ? Number.POSITIVE_INFINITY : ordinary;
  t.test(`${name}: the work is linear in what was sent${isDripped ? '' : ', and little'}`, async (t) => {
    for (const [what, input] of Object.entries(inputs))
      t.equal(await examine(read, input, most), undefined, what);
  });
}

t.test('a pattern that tries all ways to share out a run of spaces is found out', async (t) => {
  const pattern = /^ *(?:(\d+) *- *(\d+)?|-(\d+)) *$/;
  const spaces = (size: number): string => `1-${' '.repeat(size)}x`;
  t.match(await examine((text) => pattern.test(text), spaces, ordinary), /bytes cost/);
  t.equal(await examine((text) => text.trim().length, spaces, ordinary), undefined);
});

t.test('what is linear and dear is found out', async (t) => {
  const read = (text: string): void => {
    for (const letter of text) new Error(letter).stack;
  };
  t.match(await examine(read, (size) => 'a'.repeat(size), ordinary), /an ordinary request costs/);
});
