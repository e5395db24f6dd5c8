// The config file's JSON Schema, as editors and other tools see it.
import { Ajv } from 'ajv';
import t from 'tap';
import { OPTION_LIST } from '../../src/config/options.js';
import { configSchema, LOCATION_KINDS } from '../../src/config/schema.js';

const validate = new Ajv({ allowUnionTypes: true, strict: false }).compile(
  JSON.parse(JSON.stringify(configSchema())) as object,
);

t.test('the schema accepts what the server accepts', async (t) => {
  const accepted = [
    {},
    { $schema: './schema.json' },
    { listen: ':8080', maxAge: '1h', logLevel: 'warn', logFormat: 'json' },
    { listen: 8080, maxAge: 60, shutdownTimeout: 1.5, maxConnections: 1000 },
    { locations: [] },
    {
      locations: [
        { kind: 'media', prefix: '/media/', root: '/srv/media', maxAge: '5m' },
        { kind: 'static', prefix: '/static/', root: 'static', sendTimeout: 30 },
        { kind: 'upstream', prefix: '/', upstream: 'unix:/run/app.sock', readTimeout: '2m' },
      ],
    },
  ];
  for (const config of accepted) t.ok(validate(config), JSON.stringify(config));
});

t.test('the schema refuses what the server refuses', async (t) => {
  const refused = [
    [],
    null,
    'text',
    { lissten: ':8080' },
    { root: './media' },
    { listen: 70_000 },
    { maxAge: -1 },
    { maxConnections: 0 },
    { logLevel: 'loud' },
    { locations: {} },
    { locations: [{}] },
    { locations: [{ kind: 'medai', prefix: '/', root: '.' }] },
    { locations: [{ kind: 'media', prefix: '/' }] },
    { locations: [{ kind: 'media', prefix: '', root: '.' }] },
    { locations: [{ kind: 'media', prefix: '/', root: '.', upstream: ':1' }] },
    { locations: [{ kind: 'upstream', prefix: '/', upstream: ':1', maxAge: '1s' }] },
  ];
  for (const config of refused) t.notOk(validate(config), JSON.stringify(config));
});

interface ObjectSchema {
  readonly properties: Readonly<Record<string, { readonly description?: string }>>;
}

const server = configSchema() as ObjectSchema & {
  readonly properties: {
    readonly locations: { readonly items: { readonly anyOf: readonly ObjectSchema[] } };
  };
};
const locations = server.properties.locations.items.anyOf;

t.test('an editor finds a description of every key', async (t) => {
  for (const { properties } of [server, ...locations]) {
    for (const [key, { description }] of Object.entries(properties)) t.type(description, 'string', key);
  }
});

t.test('every option can be set wherever the table says, and nowhere else', async (t) => {
  t.equal(locations.length, LOCATION_KINDS.length);
  for (const [name, row] of OPTION_LIST) {
    t.equal(Object.hasOwn(server.properties, name), row.contexts.includes('server'), `${name} at the top`);
    // On the command line these are the short form of what makes a location what it is.
    if (['root', 'upstream'].includes(name)) continue;
    for (const [index, kind] of LOCATION_KINDS.entries()) {
      const here = Object.hasOwn(locations[index]?.properties ?? {}, name);
      t.equal(here, row.contexts.includes(kind), `${name} in ${kind}`);
    }
  }
});
