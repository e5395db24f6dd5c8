/** WebSockets of Django Channels, through media-serve. gunicorn's WSGI workers have none, so uvicorn only. */
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import type { Deployment } from '../support/python.js';

/** Collects messages so that none is missed between two awaits. */
function inbox(socket: WebSocket): () => Promise<{ data: Buffer; isBinary: boolean }> {
  const messages: { data: Buffer; isBinary: boolean }[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    messages.push({ data, isBinary });
    socket.emit('collected');
  });
  return async () => {
    for (;;) {
      const message = messages.shift();
      if (message !== undefined) return message;
      await once(socket, 'collected');
    }
  };
}

/** The last of them ends the app. */
export async function websocket(t: Test, { front, origin, app }: Deployment): Promise<void> {
  const address = `${origin.replace('http', 'ws')}/ws/echo/`;
  const open = async (t: Test): Promise<WebSocket> => {
    // As a browser does for a page of this site; Channels refuses a socket without Origin.
    const socket = new WebSocket(address, { origin });
    t.teardown(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  };

  await t.test('text and bytes come back as they were sent', async (t) => {
    const socket = await open(t);
    const next = inbox(socket);
    const large = Buffer.alloc(300_000, 'grün');
    for (const message of ['hello', 'Grüße, 世界', large]) {
      socket.send(message);
      const { data, isBinary } = await next();
      t.equal(isBinary, typeof message !== 'string');
      t.ok(data.equals(Buffer.from(message)), `${data.length} bytes`);
    }
  });

  await t.test('the code with which the app closes reaches the client', async (t) => {
    const socket = await open(t);
    socket.send('bye');
    const [code] = (await once(socket, 'close')) as [number];
    t.equal(code, 4000);
  });

  await t.test('many sockets are open at once and none hears another', async (t) => {
    const sockets = await Promise.all(Array.from({ length: 20 }, () => open(t)));
    const answers = await Promise.all(
      sockets.map(async (socket, index) => {
        const next = inbox(socket);
        socket.send(String(index));
        return (await next()).data.toString();
      }),
    );
    t.same(
      answers,
      sockets.map((_, index) => String(index)),
    );
  });

  await t.test(
    'a page of another origin is refused by the app, which compares Origin with Host',
    async (t) => {
      const socket = new WebSocket(address, { origin: 'https://evil.example' });
      socket.on('error', () => {});
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      t.equal(response.statusCode, 403);
      socket.terminate();
    },
  );

  await t.test('when the app ends, so does the socket, and media-serve goes on', async (t) => {
    const socket = await open(t);
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    await app.stop();
    await closed;
    t.equal(front.process.exitCode, null);
    t.equal((await fetch(`${origin}/`)).status, 502);
  });
}
