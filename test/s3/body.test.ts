// A body between a store and whoever takes it: order, bounds, and whose memory it lies in.
import t from 'tap';
import type { Piece } from '../../src/http/piece.js';
import type { OwnMemory } from '../../src/http1/client-connection.js';
import { type BodySource, ObjectBody, type S3Body } from '../../src/s3/body.js';

class Source implements BodySource {
  readonly told: string[] = [];
  pause(): void {
    this.told.push('pause');
  }
  resume(): void {
    this.told.push('resume');
  }
  cut(): void {
    this.told.push('cut');
  }
}

const KIB = 1024;

/** What is left of this turn of the event loop, before anything more is read. */
const beforeNextRead = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Memory of a connection that counts how often it is kept and released. */
function memoryOf(): OwnMemory & { kept: number; released: number } {
  const memory = {
    kept: 0,
    released: 0,
    keep() {
      memory.kept += 1;
      return () => {
        memory.released += 1;
      };
    },
  };
  return memory;
}

async function next(body: S3Body): Promise<Piece> {
  const piece = await body.read();
  if (piece === undefined) throw new Error('there is no more');
  return piece;
}

t.test('bytes come in their order, whether they are waited for or wait', async (t) => {
  const body = new ObjectBody(new Source(), 100 * KIB, 0, undefined);
  const shared = Buffer.from('first ');
  const waiting = body.read();
  body.push(shared, undefined);
  shared.write('XXXXXX');
  body.push(Buffer.from('second '), undefined);
  body.push(Buffer.from('third '), undefined);
  t.equal((await waiting)?.bytes.toString(), 'first ', 'memory that is used again is copied');
  t.equal((await next(body)).bytes.toString(), 'second third ', 'what waits is packed together');
  const last = body.read();
  body.push(Buffer.alloc(0), undefined);
  body.end();
  t.equal(await last, undefined);
  t.equal(await body.read(), undefined, 'the end stays the end');
});

t.test('what is held is bounded, in bytes and in memory', async (t) => {
  const source = new Source();
  const body = new ObjectBody(source, 128 * KIB, 0, 10_000_000);
  // Small reads, as from a slow network: each in memory of its own would hold a hundred times as much.
  let pushed = 0;
  while (source.told.length === 0 && pushed < 1000 * KIB) {
    body.push(Buffer.alloc(1400, pushed), undefined);
    pushed += 1400;
    await beforeNextRead();
  }
  t.same(source.told, ['pause']);
  t.ok(pushed > 128 * KIB && pushed <= 128 * KIB + 1400, `${pushed} bytes`);
  body.push(Buffer.alloc(1400), undefined);
  await beforeNextRead();
  t.same(source.told, ['pause'], 'told once');
  const pieces = [await next(body)];
  t.ok(pieces[0] !== undefined && pieces[0].bytes.length > 64 * KIB, 'in few pieces');
  t.same(source.told, ['pause'], 'what was taken takes memory as well');
  for (const piece of pieces) piece.release();
  t.same(source.told, ['pause', 'resume'], 'with half of it gone the store goes on');
});

t.test('no more is read than there is room for, and what fits in is read at once', async (t) => {
  const source = new Source();
  const body = new ObjectBody(source, 160 * KIB, 128 * KIB, 10_000_000);
  body.push(Buffer.alloc(32 * KIB), undefined);
  await beforeNextRead();
  t.same(source.told, [], 'another read fits in');
  body.push(Buffer.alloc(1), undefined);
  await beforeNextRead();
  t.same(source.told, ['pause'], 'it does not');
  (await next(body)).release();
  t.same(source.told, ['pause', 'resume']);
  const whole = new Source();
  const small = new ObjectBody(whole, 160 * KIB, 128 * KIB, 160 * KIB);
  for (let read = 0; read < 10; read++) small.push(Buffer.alloc(16 * KIB), undefined);
  await beforeNextRead();
  t.same(whole.told, [], 'nobody keeps a connection for what is held as a whole');
  small.close();
});

t.test('a client that takes at once what it is given never makes the store wait', async (t) => {
  const source = new Source();
  const body = new ObjectBody(source, 160 * KIB, 128 * KIB, 10_000_000);
  for (let read = 0; read < 3; read++) {
    const taken = next(body).then(async ({ release }) => {
      // As writing to a socket does, which tells of it in the next tick.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      release();
    });
    body.push(Buffer.alloc(128 * KIB), memoryOf());
    await taken;
    await beforeNextRead();
  }
  t.same(source.told, []);
});

t.test("memory of the connection's own is handed on as it lies when it is worth it", async (t) => {
  const body = new ObjectBody(new Source(), 256 * KIB, 0, 10_000_000);
  const full = memoryOf();
  const bytes = Buffer.alloc(128 * KIB, 'a');
  body.push(bytes, full);
  t.equal(full.kept, 1);
  const piece = await next(body);
  t.equal(piece.bytes.buffer, bytes.buffer);
  t.equal(full.released, 0);
  piece.release();
  piece.release();
  t.equal(full.released, 1, 'once, or it would be two at once who have it');
  const sparse = memoryOf();
  body.push(bytes.subarray(0, 20 * KIB), sparse);
  t.equal(sparse.kept, 0, 'little is copied');
  const copied = await next(body);
  t.ok(copied.bytes.equals(bytes.subarray(0, 20 * KIB)) && copied.bytes.buffer !== bytes.buffer);
  copied.release();
});

t.test('a failure comes behind what was there before it, and stays', async (t) => {
  const body = new ObjectBody(new Source(), 100 * KIB, 0, undefined);
  body.push(Buffer.from('some'), undefined);
  const broken = new Error('broken');
  body.fail(broken);
  body.end();
  body.push(Buffer.from('more'), undefined);
  t.equal((await next(body)).bytes.toString(), 'some');
  await t.rejects(body.read(), broken);
  await t.rejects(body.read(), broken);
  const waited = new ObjectBody(new Source(), 100 * KIB, 0, undefined);
  const reading = waited.read();
  waited.fail(broken);
  await t.rejects(reading, broken);
});

t.test('a body that is closed holds nothing, and cuts off what is on its way', async (t) => {
  const source = new Source();
  const body = new ObjectBody(source, 100 * KIB, 0, undefined);
  const memory = memoryOf();
  body.push(Buffer.alloc(128 * KIB), memory);
  await beforeNextRead();
  body.close();
  body.close();
  t.equal(memory.released, 1);
  t.same(source.told, ['pause', 'cut']);
  body.push(Buffer.from('more'), undefined);
  body.fail(new Error('as it was cut'));
  t.equal(await body.read(), undefined);
  const waited = new ObjectBody(new Source(), 100 * KIB, 0, undefined);
  const reading = waited.read();
  waited.close();
  t.equal(await reading, undefined, 'who waits is told');
  const whole = new Source();
  const complete = new ObjectBody(whole, 100 * KIB, 0, undefined);
  complete.push(Buffer.from('all'), undefined);
  complete.end();
  complete.close();
  t.same(whole.told, [], 'the connection of one that is complete stays');
});
