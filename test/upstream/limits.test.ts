/** Time limits (nginx: proxy_connect_timeout, proxy_send_timeout, proxy_read_timeout), and clients that leave. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { startApp, startTcpApp } from '../support/app.js';
import { spawnChild } from '../support/child.js';
import { startHere } from '../support/here.js';
import { get, openConnection, parseResponse, rawExchange } from '../support/raw.js';
import { until } from '../support/until.js';

/** A listening socket of a stopped process, whose queue is full: connecting to it takes forever. */
async function startUnaccepting(t: Test): Promise<string> {
  const program = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port);
  })`;
  const child = spawnChild(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  const queue = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  t.teardown(() => {
    for (const socket of queue) socket.destroy();
  });
  await until(() => queue.some((socket) => !socket.connecting), 'the queue is filling');
  return `127.0.0.1:${port}`;
}

t.test('an app that is too slow gets 504, and the log names the option', async (t) => {
  const silent = await startTcpApp(t, () => {});
  const deaf = await startTcpApp(t, (socket) => socket.pause());
  const trickling = await startTcpApp(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const timer = setInterval(() => socket.write('X: a\r\n'), 50);
    socket.on('close', () => clearInterval(timer));
  });
  const large = 32 * 1024 * 1024;
  const cases: [what: string, address: string, args: string[], body: number, option: string][] = [
    ['no answer', silent, ['--read-timeout', '300ms'], 0, '--read-timeout'],
    ['takes no body', deaf, ['--upstream-send-timeout', '300ms'], large, '--upstream-send-timeout'],
    ['a head without end', trickling, ['--total-timeout', '300ms'], 0, '--total-timeout'],
    ['no connection', await startUnaccepting(t), ['--connect-timeout', '300ms'], 0, '--connect-timeout'],
  ];
  for (const [what, address, args, size, option] of cases) {
    await t.test(what, async (t) => {
      const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address, ...args]);
      const client = await openConnection(t, server.port);
      client.socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
      );
      client.socket.write(Buffer.alloc(size));
      const { status } = parseResponse(Buffer.from(await client.closed(), 'latin1'));
      const line = await server.logged((entry) => entry['level'] === 50);
      t.equal(status, 504);
      t.match(line, { code: 'MEDIA_SERVE_GATEWAY_TIMEOUT', msg: option });
    });
  }
});

t.test('an app that falls silent within its answer has its client cut off', async (t) => {
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'),
    );
  });
  for (const option of ['--read-timeout', '--total-timeout']) {
    const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address, option, '300ms']);
    await until(async () => {
      const answer = parseResponse(await rawExchange(server.port, get('/')));
      // On a busy machine the limit may be reached before the app, which is in this process, has been heard at all.
      if (answer.status === 504) return false;
      t.equal(answer.status, 200);
      t.equal(answer.body.toString(), '3\r\nabc\r\n', `${option}: without the chunk that would end it`);
      return true;
    }, 'the answer has begun in time');
  }
});

t.test('an app that dies within its answer has its client cut off, never ended as if complete', async (t) => {
  let app: Socket | undefined;
  let head = '';
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}`);
      app = socket;
    });
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  // To HTTP/1.0 the end of the connection is the end of the body: only a reset tells. HTTP/1.1 has a length, or a last
  // chunk, and a reset could throw away what has been sent.
  const cases = [
    ['Content-Length: 10\r\n\r\nabc', '1.1', []],
    ['Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', '1.1', []],
    ['Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', '1.0', ['ECONNRESET']],
  ] as const;
  for (const [fields, version, expected] of cases) {
    head = fields;
    const client = await openConnection(t, server.port);
    const errors: string[] = [];
    client.socket.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code ?? ''));
    client.socket.write(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
    await client.until((received) => received.includes('abc'));
    app?.destroy();
    t.notMatch(await client.closed(), /\r\n0\r\n\r\n$/);
    t.same(errors, expected, `HTTP/${version} ${fields.slice(0, 17)}`);
  }
});

t.test('a client that leaves', async (t) => {
  for (const [args, ends] of [
    [[], true],
    [['--no-abort-on-client-close'], false],
  ] as const) {
    await t.test(ends ? 'ends its request at the app' : 'lets the app finish, when asked to', async (t) => {
      let ended: boolean | undefined;
      let begun = false;
      const app = await startApp(t, async (request, response) => {
        begun = true;
        response.writeHead(200);
        response.write('begun');
        request.socket.once('close', () => {
          ended ??= !response.writableFinished;
        });
        await once(proceed, 'abort');
        response.end('done', () => {
          ended ??= false;
        });
      });
      const controller = new AbortController();
      const proceed = controller.signal;
      const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address, ...args]);
      const client = await openConnection(t, server.port);
      client.socket.write(get('/'));
      await client.until((received) => received.includes('begun'));
      t.ok(begun);
      client.socket.destroy();
      if (ends) await server.logged((line) => line['msg'] === 'request' && line['aborted'] === true);
      else controller.abort();
      await until(() => ended !== undefined, 'the app knows');
      t.equal(ended, ends);
      controller.abort();
    });
  }
});

t.test('a client that leaves before the app has answered ends its request there too', async (t) => {
  let closed = false;
  let asked = false;
  const address = await startTcpApp(t, (socket) => {
    socket.once('data', () => {
      asked = true;
    });
    socket.once('close', () => {
      closed = asked;
    });
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', address]);
  const client = await openConnection(t, server.port);
  client.socket.write(get('/'));
  await until(() => asked, 'the app has the request');
  client.socket.destroy();
  await until(() => closed, 'the connection to the app is closed');
  t.match(await server.logged((line) => line['msg'] === 'request'), { status: 499, aborted: true });
});
