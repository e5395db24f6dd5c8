// Where log lines go when what reads them is slow, stalled, gone and back, or full. Pipes are FIFOs whose other end the test has.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { LogOutput, type LogOutputOptions } from '../../src/server/log-output.js';
import { until } from '../support/until.js';

/** A FIFO with an output at one end. */
interface Piped {
  readonly output: LogOutput;
  /** All that can be read now. */
  read(): string;
  /** Nobody reads any more. */
  leave(): void;
  /** Somebody reads again. */
  comeBack(): void;
}

function piped(t: Test, options: LogOutputOptions = {}): Piped {
  const path = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [path]);
  const open = (): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let reader = open();
  // As a shell would hand it over: a write to it waits.
  const writer = openSync(path, constants.O_WRONLY);
  const output = new LogOutput(writer, { delay: 0, ...options });
  t.teardown(() => {
    output.close();
    closeSync(writer);
    closeSync(reader);
  });
  return {
    output,
    read() {
      const parts: Buffer[] = [];
      for (const piece = Buffer.alloc(65_536); ; ) {
        try {
          const length = readSync(reader, piece);
          if (length === 0) break;
          parts.push(Buffer.from(piece.subarray(0, length)));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break;
          throw error;
        }
      }
      return Buffer.concat(parts).toString();
    },
    leave: () => closeSync(reader),
    comeBack() {
      reader = open();
    },
  };
}

const line = (text: string): string => `${JSON.stringify({ msg: text })}\n`;
const told = (text: string): string[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((one) => (JSON.parse(one) as { msg: string }).msg);

t.test(
  'of a stalled reader requests are dropped first and problems last, and the count is told',
  async (t) => {
    const limit = 1024 * 1024;
    const { output, read } = piped(t, { limit });
    const filler = 'x'.repeat(1000);
    // What the pipe itself takes, and what may wait for it.
    for (let index = 0; index < 2000; index += 1) output.write(line(`request ${index} ${filler}`), 'request');
    for (let index = 0; index < 500; index += 1) output.write(line(`event ${index} ${filler}`), 'event');
    for (let index = 0; index < 500; index += 1) output.write(line(`problem ${index} ${filler}`), 'problem');
    t.equal(await output.drain(50), false, 'nobody reads');
    t.equal(output.isHeldUp, false, 'and no thread waits for that');
    let text = '';
    const drained = output.drain(60_000);
    await until(() => {
      text += read();
      return text.includes('log lines were dropped') && text.endsWith('\n');
    }, 'all is read');
    t.equal(await drained, true);
    const lines = told(text);
    const kept = (kind: string): number => lines.filter((one) => one.startsWith(kind)).length;
    const counts = JSON.parse(text.trim().split('\n').at(-1) ?? '') as Record<string, number>;
    t.equal(kept('request') + (counts['requests'] ?? 0), 2000, 'each request is there or counted');
    t.equal(kept('event') + (counts['events'] ?? 0), 500);
    t.equal(kept('problem') + (counts['problems'] ?? 0), 500);
    t.equal(
      (counts['requests'] ?? 0) + (counts['events'] ?? 0) + (counts['problems'] ?? 0),
      counts['dropped'],
    );
    t.ok(kept('request') > 600 && kept('request') < 2000, 'some requests');
    t.ok(kept('event') > 50, 'events found room after them');
    t.ok(kept('problem') > 50, 'and problems after those');
    t.same(
      lines.filter((one) => one.startsWith('request')).map((one) => Number(one.split(' ')[1])),
      Array.from({ length: kept('request') }, (_, index) => index),
      'the newest were dropped',
    );
    output.write(line('after'), 'request');
    t.equal(await output.drain(60_000), true);
    t.same(told(read()), ['after'], 'what comes later is written again');
  },
);

t.test('a slow reader gets every line, in order', async (t) => {
  const { output, read } = piped(t);
  const count = 3000;
  for (let index = 0; index < count; index += 1) output.write(line(`${index} ${'y'.repeat(100)}`), 'request');
  const drained = output.drain(60_000);
  let text = '';
  await until(() => {
    text += read();
    return text.split('\n').length > count;
  }, 'all lines');
  t.equal(await drained, true);
  t.same(
    told(text).map((one) => Number(one.split(' ')[0])),
    Array.from({ length: count }, (_, index) => index),
  );
});

t.test('a reader that leaves and comes back is told what it missed', async (t) => {
  const { output, read, leave, comeBack } = piped(t);
  output.write(line('before'), 'event');
  await output.drain(60_000);
  t.same(told(read()), ['before']);
  leave();
  output.write(line('missed'), 'event');
  output.write(line('missed, too'), 'problem');
  t.equal(await output.drain(60_000), true, 'a reader that is gone holds nothing up');
  comeBack();
  output.write(line('after'), 'event');
  t.equal(await output.drain(60_000), true);
  const [first, second] = read()
    .trim()
    .split('\n')
    .map((one) => JSON.parse(one) as object);
  t.match(first, { msg: 'after' });
  t.match(second, { msg: /^log lines were dropped/, dropped: 2, lost: 2, level: 40 });
});

t.test('a full disk costs lines, and neither the process nor a turn', async (t) => {
  const descriptor = openSync('/dev/full', 'w');
  const output = new LogOutput(descriptor, { delay: 0 });
  for (let index = 0; index < 100; index += 1) output.write(line('lost'), 'problem');
  t.equal(await output.drain(60_000), true);
  output.flushSync();
  output.close();
  closeSync(descriptor);
});

t.test('a file has all lines, also those of a sudden end', async (t) => {
  const path = join(t.testdir(), 'log');
  const descriptor = openSync(path, 'w');
  const output = new LogOutput(descriptor);
  output.write(line('one'), 'request');
  t.equal(await output.drain(60_000), true);
  output.write(line('two'), 'problem');
  output.flushSync();
  t.same(told(readFileSync(path, 'utf8')), ['one', 'two']);
  output.close();
  closeSync(descriptor);
});

t.test('a pipe at a sudden end has what it has room for', async (t) => {
  const { output, read } = piped(t, { delay: 60_000 });
  output.write(line('last words'), 'problem');
  output.flushSync();
  t.same(told(read()), ['last words']);
});

t.test('lines are rendered, that of dropped ones too', async (t) => {
  const { output, read, leave, comeBack } = piped(t, {
    render: (text) => `> ${(JSON.parse(text) as { msg: string }).msg}\n`,
  });
  leave();
  output.write(line('missed'), 'event');
  await output.drain(60_000);
  comeBack();
  output.write(line('after'), 'event');
  await output.drain(60_000);
  t.match(read(), /^> after\n> log lines were dropped.*\n$/);
});
