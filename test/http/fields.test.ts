// Header hygiene (RFC 9110 §7.6.1).
import fc from 'fast-check';
import t from 'tap';
import { connectionOptions, fieldValue, hasElement, isHopByHop } from '../../src/http/fields.js';

t.test('the fields of one connection are told from those of the message', async (t) => {
  for (const name of ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']) {
    t.ok(isHopByHop(name), name);
  }
  for (const name of [
    'host',
    'cookie',
    'content-length',
    'x-connection',
    'authorization',
    'sec-websocket-key',
  ]) {
    t.notOk(isHopByHop(name), name);
  }
});

t.test('the names in a Connection field are read in any spacing', async (t) => {
  const names = (field: string | undefined): string[] => Object.keys(connectionOptions(field) ?? {});
  t.same(names(undefined), []);
  t.same(names('close'), []);
  t.same(names('keep-alive'), []);
  t.same(names('x-one , x-two,, close'), ['x-one', 'x-two', 'close']);
  t.same(names('upgrade, te, keep-alive'), [], 'what stays on the connection anyway needs no naming');
});

t.test('a Connection field cannot name what tells who the client is', async (t) => {
  const protectedNames = [
    ...['x-forwarded-for', 'x-real-ip', 'forwarded', 'x-forwarded-user', 'remote-user', 'x-request-id'],
    ...['cookie', 'authorization', 'host'],
  ];
  for (const name of protectedNames)
    t.same(Object.keys(connectionOptions(`x-own, ${name}`) ?? {}), ['x-own'], name);
});

t.test('an element is found in a list, whole and in any spacing', async (t) => {
  for (const list of ['close', 'a,close', ' close\t,a', ',, close']) t.ok(hasElement(list, 'close'), list);
  for (const list of ['', 'closed', 'not-close', 'close a', '"close"']) {
    t.notOk(hasElement(list, 'close'), list);
  }
  t.notOk(hasElement(undefined, 'close'));
  const piece = fc.constantFrom('close', 'closed', 'close close', 'x', ',', ',', ' ', '\t', '\xa0');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const list = pieces.join('');
      return hasElement(list, 'close') === list.split(',').some((each) => each.trim() === 'close');
    }),
  );
});

t.test('a field is found by its name in any case, and the first one counts', async (t) => {
  const raw = ['Accept', 'a', 'X-Name', 'first', 'x-name', 'second', 'value', 'x-other'];
  t.equal(fieldValue(raw, 'x-name'), 'first');
  t.equal(fieldValue(raw, 'accept'), 'a');
  t.equal(fieldValue(raw, 'x-other'), undefined);
});
