// Header hygiene (RFC 9110 §7.6.1).
import t from 'tap';
import { connectionOptions, fieldValue, isHopByHop } from '../../src/http/fields.js';

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

t.test('the names in a Connection field are read in any case and spacing', async (t) => {
  const names = (field: string | undefined): string[] => [...(connectionOptions(field) ?? [])];
  t.same(names(undefined), []);
  t.same(names('close'), []);
  t.same(names('Keep-Alive'), []);
  t.same(names('X-One , x-two,, close'), ['x-one', 'x-two', 'close']);
});

t.test('a Connection field cannot name what tells who the client is', async (t) => {
  const protectedNames = ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'Cookie', 'Authorization', 'Host'];
  for (const name of protectedNames)
    t.same([...(connectionOptions(`x-own, ${name}`) ?? [])], ['x-own'], name);
});

t.test('a field is found by its name in any case, and the first one counts', async (t) => {
  const raw = ['Accept', 'a', 'X-Name', 'first', 'x-name', 'second', 'value', 'x-other'];
  t.equal(fieldValue(raw, 'x-name'), 'first');
  t.equal(fieldValue(raw, 'accept'), 'a');
  t.equal(fieldValue(raw, 'x-other'), undefined);
});
