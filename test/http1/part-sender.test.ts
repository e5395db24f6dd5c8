// A body that is held, on its way; how it fares on a connection is in client-connections.test.ts.
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { PartSender } from '../../src/http1/part-sender.js';
import { startTcpApp } from '../support/app.js';
import { until } from '../support/until.js';

t.test('once it is stopped nothing is sent, asked for or reported any more', async (t) => {
  let received = '';
  const address = await startTcpApp(t, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
  });
  const reports: string[] = [];
  const report = {
    bodyMoved: () => reports.push('moved'),
    bodySent: () => reports.push('sent'),
    bodyFailed: () => reports.push('failed'),
  };
  for (const how of ['part', 'error'] as const) {
    const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    let asked = 0;
    const next = async (): Promise<Buffer[]> => {
      asked += 1;
      await new Promise(setImmediate);
      if (how === 'error') throw new Error('the disk is broken');
      return [Buffer.from('part')];
    };
    const sender = new PartSender(socket, { next }, 8, report);
    sender.start();
    sender.stop();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    socket.write(`${how} after`);
    await until(() => received.endsWith(`${how} after`), 'what is written behind it arrives');
    t.equal(asked, 1);
  }
  t.equal(received, 'part aftererror after');
  t.same(reports, []);
});
