// The config file: every mistake in it is one line that names the place.
import { join } from 'node:path';
import t from 'tap';
import { readConfigFile } from '../../src/config/file.js';

t.test('a file is read with its options and locations as they were written', async (t) => {
  const content = {
    $schema: './node_modules/media-serve/dist/schema.json',
    listen: 8080,
    maxAge: '1h',
    locations: [{ kind: 'media', prefix: 'media', root: './uploads' }],
  };
  const directory = t.testdir({
    'a.json': JSON.stringify(content),
    'bom.json': '\uFEFF{}',
    'empty.json': '{}',
  });
  const path = join(directory, 'a.json');
  t.same(readConfigFile(path, '--config'), {
    path,
    directory,
    options: { listen: 8080, maxAge: '1h' },
    locations: content.locations,
    hasLocations: true,
    places: [`${path}: locations[0]`],
    notes: [],
  });
  for (const name of ['bom.json', 'empty.json']) {
    t.match(readConfigFile(join(directory, name), '--config'), { options: {}, locations: [] }, name);
  }
});

t.test('a mistake in the file is one line that names the file, the place and the cure', async (t) => {
  const cases: readonly (readonly [content: string, message: RegExp])[] = [
    ['', /: is not JSON: line 1, column 1: the file is empty/],
    ['// nothing', /: is not JSON: line 1, column 11: the end of the file /],
    [
      '{\n  "listen": ":80"\n  "maxAge": 1}',
      /: line 3, column 3: "\\"maxAge\\"" should have a comma before it$/,
    ],
    ['{\r\n\r\n "a" 5}', /: line 3, column 6: "5" should have a colon before it$/],
    ['{"listen": \':80\'}', /: line 1, column 12: .*double quotes/],
    ['{listen: ":80"}', /: line 1, column 2: "listen" .*double quotes/],
    ['{"sendfile": True}', /: line 1, column 14: "True" .*true, false or null/],
    ['{"listen": ":80"', /: line 1, column 17: the end of the file should be the } /],
    ['{"listen": ":80}', /: line 1, column 12: .*begins a text that does not end/],
    ['{"listen": ":80"}}', /: line 1, column 18: "}" is too much/],
    ['{"a": 1 /* b', /: line 1, column 9: .*write \*\/ /],
    ['{"maxAge": 1,\n"maxAge": 2}', /: line 2, column 1: "maxAge" stands here a second time/],
    ['{"__proto__": {}}', /has an unknown key "__proto__"/],
    ['[]', /must be object/],
    ['null', /must be object/],
    ['{"lissten": ":80"}', /has an unknown key "lissten"; write "listen" \(known here: listen, /],
    ['{"max_age": 1}', /has an unknown key "max_age"; write "maxAge" \(known here: maxAge, /],
    ['{"port": 1}', /has an unknown key "port"; write "listen" /],
    ['{"client_max_body_size": "1m"}', /; write "maxBody" /],
    ['{"root": "./a"}', /has an unknown key "root": it belongs into a location; .*"kind": "media".*"root": /],
    ['{"upstream": ":1"}', /"upstream": it belongs into a location; .*"kind": "upstream"/],
    ['{"static_root": "./a"}', /"static_root": it belongs into a location; .*"kind": "static"/],
    [
      '{"authRequest": "/a"}',
      /"authRequest" may stand in locations of kind "media", in locations of kind "static"/,
    ],
    ['{"whatever": 1}', /has an unknown key "whatever"; known here: /],
    ['{"maxAge": true}', /: maxAge: true /],
    ['{"maxAge": -1}', /: maxAge: -1 /],
    ['{"logFormat": "xml"}', /: logFormat: "xml" is not one of "json", "pretty"$/],
    ['{"listen": 99999}', /: listen: 99999 /],
    ['{"listen": ""}', /: listen: "" /],
    ['{"locations": {}}', /: locations: \{\} must be array/],
    ['{"locations": [5]}', /: locations\[0\]: .*write one of "media", "static",.*"upstream"/],
    ['{"locations": [null]}', /: locations\[0\]: .*"kind"/],
    ['{"locations": [{"kind": "medai", "prefix": "/"}]}', /: locations\[0\]: .*write "media"$/],
    ['{"locations": [{"kind": "proxy", "prefix": "/"}]}', /: locations\[0\]: .*"proxy" .*write "upstream"$/],
    ['{"locations": [{"kind": 5}]}', /: locations\[0\]: .*5 is not one of "media"/],
    [
      '{"locations": [{"kind": "media", "prefix": "/", "root": ".", "read_timeout": 1}]}',
      /"readTimeout" may stand at the top/,
    ],
    ['{"locations": [{"kind": "media", "url": "/", "root": "."}]}', /"url"; write "prefix" /],
    ['{"locations": [{"kind": "static", "prefix": "/", "alias": "."}]}', /"alias"; write "root" /],
    ['{"locations": [{"kind": "media", "prefix": "/", "bucket": "a"}]}', /"bucket"; write "root" /],
    [
      '{"locations": [{"kind": "upstream", "prefix": "/", "proxy_pass": ":1"}]}',
      /"proxy_pass"; write "upstream" /,
    ],
    ['{"locations": [{"kind": "media", "prefix": "/"}]}', /: locations\[0\]: has no "root"/],
    ['{"locations": [{"kind": "media", "root": "."}]}', /: locations\[0\]: has no "prefix"/],
    ['{"locations": [{"kind": "upstream", "prefix": "/"}]}', /: locations\[0\]: has no "upstream"/],
    ['{"locations": [{"kind": "media", "prefix": "/", "root": ""}]}', /: locations\[0\]\.root: "" /],
    [
      '{"locations": [{"kind": "media", "prefix": 5, "root": "."}]}',
      /: locations\[0\]\.prefix: 5 must be string/,
    ],
    [
      '{"locations": [{"kind": "media", "prefix": "/", "root": ".", "readTimeout": 1}]}',
      /: locations\[0\]: has an unknown key "readTimeout"; .*at the top of the file, .*kind "upstream"; known here: .*maxAge/,
    ],
    [
      '{"locations": [{"kind": "upstream", "prefix": "/", "upstream": ":1"}, {"kind": "static", "prefix": "/a", "root": ".", "maxAge": []}]}',
      /: locations\[1\]\.maxAge: \[\] /,
    ],
  ];
  const directory = t.testdir(
    Object.fromEntries(cases.map(([content], index) => [`${index}.json`, content])),
  );
  for (const [index, [content, message]] of cases.entries()) {
    const path = join(directory, `${index}.json`);
    t.throws(() => readConfigFile(path, '--config'), { code: 'MEDIA_SERVE_BAD_VALUE', message }, content);
    t.throws(
      () => readConfigFile(path, '--config'),
      { message: new RegExp(`^${path}: [^\n]*$`) },
      'is one line',
    );
  }
});

t.test('comments and trailing commas are what editors and people write', async (t) => {
  const text = `\uFEFF// our server
    {
      "maxAge": "1h", /* of the files, */ // "listen": 1
      "locations": [{ "kind": "media", "prefix": "//not a comment/*/", "root": ".", },],
    }
    // the end`;
  const path = join(t.testdir({ 'a.json': text }), 'a.json');
  t.match(readConfigFile(path, '--config'), {
    options: { maxAge: '1h' },
    locations: [{ prefix: '//not a comment/*/' }],
  });
});

t.test('a file that cannot be read is reported with what named it', async (t) => {
  const directory = t.testdir({});
  for (const [path, code] of [
    [join(directory, 'missing.json'), 'ENOENT'],
    [directory, 'EISDIR'],
  ] as const) {
    t.throws(() => readConfigFile(path, 'MEDIA_SERVE_CONFIG'), {
      message: `MEDIA_SERVE_CONFIG: ${path} cannot be read (${code}); write the path of a JSON file`,
    });
  }
});
