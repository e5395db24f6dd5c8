/** Logging in, and what reaches Django: cookies, CSRF checks, redirects and the request as it was sent. */
import { createHash, randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { type Deployment, USERS } from '../support/python.js';
import { parseResponse, rawExchange } from '../support/raw.js';
import { Visitor } from './visitor.js';

interface Echo {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly secure: boolean;
  readonly user: string;
  readonly meta: Readonly<Record<string, string>>;
  readonly body: { readonly length: number; readonly sha256: string };
}

export async function session(t: Test, { origin, front }: Deployment): Promise<void> {
  const visitor = new Visitor(origin);
  t.teardown(() => visitor.leave());
  const echoed = async (target: string, headers: Record<string, string> = {}): Promise<Echo> =>
    (await (await visitor.get(target, headers)).json()) as Echo;

  await t.test('a page for members sends a stranger to the login form and back', async (t) => {
    const turnedAway = await visitor.get('/members/');
    t.equal(turnedAway.status, 302);
    t.equal(turnedAway.headers.get('location'), '/login/?next=/members/');

    const wrong = await visitor.submit('/login/', { username: USERS.member, password: 'guessed' });
    t.equal(wrong.status, 200, 'the form again');
    t.notOk(visitor.cookies.has('sessionid'));

    const right = await visitor.submit('/login/?next=/members/', {
      username: USERS.member,
      password: USERS.password,
    });
    t.equal(right.status, 302);
    t.equal(right.headers.get('location'), '/members/');
    t.ok(visitor.cookies.has('sessionid'));

    const page = await visitor.get('/members/');
    t.equal(page.status, 200);
    t.match(await page.text(), `Hello, ${USERS.member}`);
    t.equal((await echoed('/echo/')).user, USERS.member, 'the session cookie reaches every view');
  });

  await t.test('a login without the CSRF token, or from another origin, is refused', async (t) => {
    const fields = { username: USERS.member, password: USERS.password };
    t.equal((await visitor.post('/login/', fields)).status, 403);
    const html = await (await visitor.get('/login/')).text();
    const [, token = ''] = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(html) ?? [];
    const forged = await visitor.request('/login/', {
      method: 'POST',
      body: new URLSearchParams({ ...fields, csrfmiddlewaretoken: token }),
      headers: { origin: 'https://evil.example' },
    });
    t.equal(forged.status, 403);
  });

  await t.test('logging out ends the session', async (t) => {
    const answer = await visitor.submit('/logout/', {});
    t.equal(answer.status, 403, 'the logout form is on other pages, not at its own address');
    const html = await (await visitor.get('/members/')).text();
    const [, token = ''] = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(html) ?? [];
    t.equal((await visitor.post('/logout/', { csrfmiddlewaretoken: token })).headers.get('location'), '/');
    t.equal((await visitor.get('/members/')).status, 302);
  });

  await t.test('the raw target reaches the app byte for byte', async (t) => {
    for (const target of ['/echo/a%2Fb/%C3%BC?x=%41&y=a+b', '/echo/?', '/echo/a//b', '/echo/%7Euser?q=%25']) {
      // A URL object would normalize the target, so it is written by hand.
      const request = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`;
      const { status, body } = parseResponse(await rawExchange(front.port, request));
      t.equal(status, 200, target);
      // Python's ASGI has no place for a lone "?": its query string is empty either way.
      const arrived = /"target": "([^"]*)"/.exec(body.toString())?.[1];
      t.ok(
        arrived === target || (arrived === '/echo/' && target === '/echo/?'),
        `${target} arrived as ${arrived}`,
      );
    }
  });

  await t.test('the app learns who asks, and believes nothing that the client claims', async (t) => {
    const echo = await echoed('/echo/', {
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      'x-real-ip': '203.0.113.7',
      x_real_ip: '203.0.113.8',
      proxy: 'http://evil.example',
    });
    const { host } = new URL(origin);
    t.equal(echo.host, host, 'Host is kept');
    t.equal(echo.secure, false);
    const { HTTP_X_REQUEST_ID: requestId, ...meta } = echo.meta;
    t.equal(meta['HTTP_X_FORWARDED_FOR'], '127.0.0.1');
    t.equal(meta['HTTP_X_FORWARDED_PROTO'], 'http');
    t.equal(meta['HTTP_X_FORWARDED_HOST'], host);
    t.equal(meta['HTTP_X_REAL_IP'], '127.0.0.1');
    t.match(requestId, /^[\w-]{8,}$/);
    t.notOk('HTTP_PROXY' in echo.meta);
  });

  await t.test('a body reaches the app whole, whatever the method', async (t) => {
    const body = randomBytes(1_500_000);
    const sha256 = createHash('sha256').update(body).digest('hex');
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await visitor.request('/echo/', { method, body });
      t.match(await answer.json(), { method, body: { length: body.length, sha256 } });
    }
  });

  await t.test('HEAD of a page has the headers of GET and no body', async (t) => {
    const get = await visitor.get('/login/');
    const head = await visitor.request('/login/', { method: 'HEAD' });
    t.equal(head.status, 200);
    t.equal(head.headers.get('content-length'), get.headers.get('content-length'));
    t.equal(await head.text(), '');
    await get.text();
  });

  await t.test('the access log has a line for each request that reached the app', async (t) => {
    await visitor.get('/login/?logged');
    const line = await front.logged((entry) => entry['target'] === '/login/?logged');
    t.match(line, { msg: 'request', method: 'GET', status: 200 });
  });
}
