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
  });
  for (const name of ['bom.json', 'empty.json']) {
    t.match(readConfigFile(join(directory, name), '--config'), { options: {}, locations: [] }, name);
  }
});

t.test('a mistake in the file is one line that names the file, the place and the cure', async (t) => {
  const cases: readonly (readonly [content: string, message: RegExp])[] = [
    ['', /: is not JSON: /],
    ['{"listen": ":80",}', /: is not JSON: /],
    ['[]', /must be object/],
    ['null', /must be object/],
    ['{"lissten": ":80"}', /has an unknown key "lissten"; known here: .*listen/],
    ['{"root": "./a"}', /has an unknown key "root"/],
    ['{"maxAge": true}', /: maxAge: true /],
    ['{"maxAge": -1}', /: maxAge: -1 /],
    ['{"logFormat": "xml"}', /: logFormat: "xml" is not one of json, pretty$/],
    ['{"listen": 99999}', /: listen: 99999 /],
    ['{"listen": ""}', /: listen: "" /],
    ['{"locations": {}}', /: locations: \{\} must be array/],
    ['{"locations": [5]}', /: locations\[0\]: .*write one of media, static,.*upstream/],
    ['{"locations": [null]}', /: locations\[0\]: .*"kind"/],
    ['{"locations": [{"kind": "medai", "prefix": "/"}]}', /: locations\[0\]: .*write one of media/],
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
      /: locations\[0\]: has an unknown key "readTimeout"; known here: .*maxAge/,
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
