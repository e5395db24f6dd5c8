/** What goes in comes out, every byte in its place, however the writer and the reader take turns. */
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { ResponseBuffer, type ResponseBufferLimits } from '../../src/upstream/response-buffer.js';
import { TemporaryFile } from '../../src/upstream/temporary-file.js';

/** The bytes of a body from a position on: each stands for its position, in a row that does not repeat soon. */
function bytesAt(position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) bytes[index] = Math.imul(position + index, 2654435761) >>> 13;
  return bytes;
}

/** One way that a body goes through a buffer. */
interface Course {
  readonly memory: number;
  readonly file: number;
  /** Which write to the file fails, if any. */
  readonly failingWrite: number;
  /** Sizes of what the writer hands over; after some it goes on at once. */
  readonly chunks: readonly number[];
  /** Whether it goes on within `onRoom`, as a connection does. */
  readonly resumesAtOnce: boolean;
  /** The reader waits after each of these many chunks. */
  readonly readerRests: number;
}

function limitsOf(t: Test, { memory, file, failingWrite }: Course, failures: string[]): ResponseBufferLimits {
  let writes = 0;
  return {
    memory,
    file,
    createFile: () => {
      const made = new TemporaryFile(t.testdirName);
      const write = made.write.bind(made);
      made.write = async (chunks, position) => {
        if (writes++ === failingWrite) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        await write(chunks, position);
      };
      return made;
    },
    onFileFailed: ({ code }) => failures.push(code ?? ''),
  };
}

/** Sends a body through; resolves with the position of the first wrong byte, -1 when there is none. */
async function send(t: Test, course: Course, failures: string[]): Promise<number> {
  const size = course.chunks.reduce((sum, chunk) => sum + chunk, 0);
  let sent = 0;
  let next = 0;
  let mayWrite = true;
  const write = (): void => {
    while (mayWrite && next < course.chunks.length) {
      const length = course.chunks[next++] ?? 0;
      const chunk = bytesAt(sent, length);
      sent += length;
      mayWrite = buffer.add(chunk);
      if (length % 3 === 1) break;
    }
    if (mayWrite && next < course.chunks.length) setImmediate(write);
  };
  const buffer = new ResponseBuffer(limitsOf(t, course, failures), () => {
    mayWrite = true;
    if (course.resumesAtOnce) write();
    else setImmediate(write);
  });
  write();
  try {
    let received = 0;
    for (let taken = 0; received < size; ) {
      const chunk = await buffer.take();
      if (chunk === undefined || taken++ % course.readerRests === 0) await pause();
      if (chunk === undefined) continue;
      if (!chunk.equals(bytesAt(received, chunk.length))) return received;
      received += chunk.length;
    }
    return -1;
  } finally {
    buffer.close();
  }
}

t.test('bytes leave in the order in which they came', async (t) => {
  t.testdir({});
  const sizes = fc.integer({ min: 1, max: 65_536 });
  const courses = fc.record<Course>({
    memory: fc.constantFrom(0, 1000, 65_536, 262_144),
    file: fc.constantFrom(0, 5000, 300_000, 1_000_000_000),
    failingWrite: fc.constantFrom(-1, -1, 0, 1, 5),
    chunks: fc.array(sizes, { minLength: 1, maxLength: 60 }),
    resumesAtOnce: fc.boolean(),
    readerRests: fc.integer({ min: 1, max: 20 }),
  });
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(courses, async (course) => {
      const failures: string[] = [];
      const wrong = await send(t, course, failures);
      if (failures.length > 1) throw new Error('told more than once that the file failed');
      failed += failures.length;
      return wrong === -1;
    }),
    { numRuns: 300 },
  );
  t.ok(failed > 0, 'a file that cannot be written to was among them');
});

t.test(
  'a full file takes more as soon as some of it has been read, and never more than it may',
  async (t) => {
    t.testdir({});
    const file = 300_000;
    const course = { memory: 0, file, failingWrite: -1, chunks: [], resumesAtOnce: true, readerRests: 1 };
    const limits = limitsOf(t, course, []);
    let mayWrite = true;
    let sent = 0;
    let largest = 0;
    const buffer = new ResponseBuffer(
      {
        ...limits,
        createFile() {
          const made = limits.createFile();
          const write = made.write.bind(made);
          made.write = async (chunks, position) => {
            largest = Math.max(largest, position + Buffer.concat(chunks).length);
            await write(chunks, position);
          };
          return made;
        },
      },
      () => {
        mayWrite = true;
      },
    );
    const fill = async (): Promise<void> => {
      for (let rests = 0; rests < 20; rests++) {
        while (mayWrite) {
          mayWrite = buffer.add(bytesAt(sent, 50_001));
          sent += 50_001;
        }
        await pause();
      }
    };
    let received = 0;
    for (let round = 0; round < 30; round++) {
      await fill();
      const ahead = sent - received;
      t.ok(ahead >= file, `round ${round}: ${ahead} bytes ahead of the reader`);
      const chunk = await buffer.take();
      t.ok(chunk?.equals(bytesAt(received, chunk.length)), `round ${round}`);
      received += chunk?.length ?? 0;
    }
    t.ok(largest <= file, `${largest} bytes of file`);
    t.ok(received > 4 * file);
    buffer.close();
  },
);

t.test('many small chunks are taken as few', async (t) => {
  const size = 100_000;
  const course = { memory: size, file: 0, failingWrite: -1, chunks: [], resumesAtOnce: true, readerRests: 1 };
  const buffer = new ResponseBuffer(limitsOf(t, course, []), () => {});
  for (let position = 0; position < size; position++) buffer.add(bytesAt(position, 1));
  buffer.add(bytesAt(size, size));
  const taken: Buffer[] = [];
  for (let chunk = await buffer.take(); chunk !== undefined; chunk = await buffer.take()) taken.push(chunk);
  t.ok(taken.length < 10, `${taken.length} chunks`);
  t.ok(Buffer.concat(taken).equals(bytesAt(0, 2 * size)), 'with every byte in its place');
});
