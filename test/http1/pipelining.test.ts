// What comes in one piece with the request before it: it is read on when its turn has come, and heard when it ends.
import { once } from 'node:events';
import t from 'tap';
import { receive, startApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { openConnection } from '../support/raw.js';

const FIRST = 'GET /first HTTP/1.1\r\nHost: a\r\n\r\n';

t.test('a request whose body has only begun behind another one is read to its end', async (t) => {
  const app = await startApp(t, async (request, response) => {
    const { target, body } = await receive(request);
    response.end(`<${target} ${body.toString()}>`);
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const large = 'x'.repeat(100_000);
  const cases: readonly (readonly [
    name: string,
    head: string,
    begun: string,
    rest: string,
    answer: string,
  ])[] = [
    ['a sized body', 'Content-Length: 5', 'he', 'llo', '</second hello>'],
    ['none of a sized body', 'Content-Length: 5', '', 'hello', '</second hello>'],
    ['a large body', 'Content-Length: 100000', 'xx', large.slice(2), `</second ${large}>`],
    ['chunks', 'Transfer-Encoding: chunked', '2\r\nhe\r\n3\r', '\nllo\r\n0\r\n\r\n', '</second hello>'],
    ['the end of chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n', '\r\n', '</second hello>'],
  ];
  for (const [name, head, begun, rest, answer] of cases) {
    await t.test(name, async (t) => {
      const client = await openConnection(t, server.port);
      client.socket.write(`${FIRST}POST /second HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n${begun}`);
      await client.until((received) => received.includes('</first >'));
      client.socket.write(rest);
      await client.until((received) => received.includes(answer));
    });
  }
});

t.test('a client that leaves while the last of several requests is answered is noticed', async (t) => {
  const app = await startApp(t, (request, response) => {
    if (request.url === '/first') response.end('first');
  });
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', app.address]);
  const client = await openConnection(t, server.port);
  client.socket.write(`${FIRST}${FIRST.replace('first', 'second')}`);
  const [, response] = await once(app.server, 'request').then(() => once(app.server, 'request'));
  client.socket.destroy();
  await once(response, 'close');
  const line = await server.logged(({ target }) => target === '/second');
  t.equal(line['status'], 499);
});
