// A body that is passed on as it comes; how it fares on a connection is in client-connections.test.ts.

import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { BodySender } from '../../src/http1/body-sender.js';

t.test('a body that broke off before it is sent fails with what is wrong with it', async (t) => {
  for (const error of [new Error('has a malformed chunk'), undefined]) {
    const source = new Readable({ read() {} }).on('error', () => {});
    source.destroy(error);
    // The connection is made meanwhile.
    await nextTurn();
    const failures: string[] = [];
    const report = {
      bodyMoved: () => t.fail('nothing is sent'),
      bodySent: () => t.fail('it is not complete'),
      bodyFailed: ({ message }: Error) => failures.push(message),
    };
    const socket = new Socket();
    t.teardown(() => socket.destroy());
    new BodySender(socket, source, undefined, report).start();
    await nextTurn();
    t.same(failures, [error?.message ?? 'the request body broke off']);
  }
});
