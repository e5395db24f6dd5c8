// What is read of a store's error document, whatever it is.
import t from 'tap';
import { readErrorDocument } from '../../src/s3/error-document.js';

const NOTHING = {
  code: undefined,
  message: undefined,
  region: undefined,
  requestId: undefined,
  actualSize: undefined,
};

t.test('the texts that matter are read', async (t) => {
  t.same(
    readErrorDocument(`<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidRange</Code><Message>It&apos;s &lt;not&gt; &amp;amp; satisfiable</Message>
<ActualObjectSize>1234</ActualObjectSize><Region>eu-west-1</Region><RequestId>4442587FB7D0A2F9</RequestId></Error>`),
    {
      code: 'InvalidRange',
      message: "It's <not> &amp; satisfiable",
      region: 'eu-west-1',
      requestId: '4442587FB7D0A2F9',
      actualSize: 1234,
    },
  );
});

t.test('what is no error document says nothing, and nothing in one is believed to be harmless', async (t) => {
  const cases: readonly (readonly [what: string, text: string, expected: object])[] = [
    ['nothing', '', {}],
    ['a page', '<html><body>Bad Gateway</body></html>', {}],
    ['a text without an end', '<Error><Code>NoSuch', {}],
    ['an element in it', '<Code><b>x</b></Code>', {}],
    ['a line end in a name', '<Code>No\nSuch</Code>', {}],
    ['an endless name', `<Code>${'x'.repeat(10_000)}</Code>`, {}],
    [
      'an entity',
      '<!DOCTYPE e [<!ENTITY x "y">]><Code>&x;</Code><Message>&x;&#10;&lt;</Message>',
      { message: '&x;&#10;<' },
    ],
    ['lines', '<Message>a\r\n\tb\u2028c\u0007d</Message>', { message: 'a b c d' }],
    ['much', `<Message>${'x'.repeat(10_000)}</Message>`, { message: `${'x'.repeat(200)}...` }],
    ['a size that is none', '<ActualObjectSize>-1</ActualObjectSize>', {}],
  ];
  for (const [what, text, expected] of cases) {
    t.same(readErrorDocument(text), { ...NOTHING, ...expected }, what);
  }
});

t.test('it takes time in proportion to its length', async (t) => {
  const text = `<Code>${'<Code'.repeat(13_000)}`;
  const begun = process.cpuUsage();
  for (let times = 0; times < 20; times++) readErrorDocument(text);
  t.ok(process.cpuUsage(begun).user < 2_000_000);
});
