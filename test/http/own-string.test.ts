// What outlives a message is kept as a string of its own; what that saves is measured in http1/memory.
import t from 'tap';
import { ownString } from '../../src/http/own-string.js';

t.test('the same text, whatever is in it', async (t) => {
  for (const text of [
    '',
    'a',
    'image.png',
    'a'.repeat(100),
    'Grüße aus Köln',
    'ÿ'.repeat(20),
    'жёлтый цвет',
  ]) {
    for (const part of [text, `before ${text}`.slice(7), text + text]) t.equal(ownString(part), part);
  }
  t.equal(ownString(`\ud800 half a character \udfff`), `\ud800 half a character \udfff`);
  t.equal(ownString(`a NUL \0 within it`), `a NUL \0 within it`);
});
