// A client that has said its last byte counts as gone where the app is to answer, whenever that is heard.
import { EventEmitter } from 'node:events';
import t from 'tap';
import type { ClientResponse, Exchange } from '../../src/http/exchange.js';
import type { UpstreamContext } from '../../src/upstream/attempts.js';
import { endIfClientLeft, onClientLeft } from '../../src/upstream/client-left.js';
import { LoopGuard } from '../../src/upstream/loop.js';
import { createSubrequest } from '../../src/upstream/subrequest.js';

/** A response, as far as leaving is concerned. */
class Leaving extends EventEmitter {
  hasLeft = false;
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function makeResponse(state: Partial<Leaving> = {}): Leaving & ClientResponse {
  return Object.assign(new Leaving(), state) as unknown as Leaving & ClientResponse;
}

const ENDS = { abortOnClientClose: true };
const FINISHES = { abortOnClientClose: false };

t.test('before the app is asked, it is asked whether the client has left', async (t) => {
  t.equal(endIfClientLeft(makeResponse(), ENDS), false);
  const gone = makeResponse({ destroyed: true });
  t.equal(endIfClientLeft(gone, ENDS), true, 'the connection is closed');
  t.equal(endIfClientLeft(gone, FINISHES), true);
  const left = makeResponse({ hasLeft: true });
  t.equal(endIfClientLeft(left, FINISHES), false, 'the app may finish, and its client may still read');
  t.equal(left.destroyed, false);
  t.equal(endIfClientLeft(left, ENDS), true);
  t.equal(left.destroyed, true, 'and nobody waits for it any more');
});

t.test('while the app works, its leaving is told', async (t) => {
  for (const [location, event, told] of [
    [ENDS, 'left', true],
    [ENDS, 'close', true],
    [FINISHES, 'left', false],
    [FINISHES, 'close', true],
  ] as const) {
    const response = makeResponse();
    let times = 0;
    onClientLeft(response, location, () => {
      times += 1;
    });
    response.emit(event);
    t.equal(times > 0, told, `${event}, ${JSON.stringify(location)}`);
    t.equal(response.destroyed, event === 'left' && told);
    const stopped = makeResponse();
    onClientLeft(stopped, location, () => t.fail('it is not listened any more'))();
    stopped.emit(event);
  }
});

t.test('a client that has left is asked no question for', async (t) => {
  const connect = (): never => {
    throw new Error('the app is asked');
  };
  const peer = { name: 'app', active: 0, connections: { takeIdle: connect, connect } };
  const peers = { choose: () => peer, failed() {}, succeeded: () => t.fail('nobody was asked') };
  const shared = {
    peers,
    loop: new LoopGuard(),
    location: ENDS,
    hasAnswered: false,
  } as unknown as UpstreamContext;
  const response = makeResponse({ hasLeft: true });
  const exchange = {
    response,
    request: { headers: {}, rawHeaders: [] },
    target: { raw: '/a', path: '/a', authority: undefined },
    origin: { address: '', scheme: 'http', host: undefined, port: undefined, isFromProxy: false },
    id: '',
  } as unknown as Exchange;
  t.equal(await createSubrequest(shared)(exchange, '/may-i', []), undefined);
  t.equal(response.destroyed, true);
  t.equal(shared.hasAnswered, false);
  t.equal(peer.active, 0);
});
