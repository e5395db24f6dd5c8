// Bytes put together from pieces.
import t from 'tap';
import { GrowingBuffer } from '../../src/http1/growing-buffer.js';

t.test('what was appended is there, in any pieces', async (t) => {
  const source = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
  for (const size of [1, 7, 255, 256, 257, 5000, 10_000]) {
    const growing = new GrowingBuffer();
    for (let at = 0; at < source.length; at += size) {
      growing.append(source, at, Math.min(source.length, at + size));
    }
    t.ok(growing.bytes.equals(source), `pieces of ${size} bytes`);
    t.equal(growing.length, source.length);
  }
});

t.test('what is given back is empty, and what was taken from it before stays', async (t) => {
  const growing = new GrowingBuffer();
  growing.append(Buffer.from('first'), 0, 5);
  const first = growing.bytes;
  growing.clear();
  t.equal(growing.length, 0);
  growing.append(Buffer.from('later'), 0, 5);
  t.strictSame([first.toString(), growing.bytes.toString()], ['first', 'later']);
});
