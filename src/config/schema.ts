// The config file's shape as JSON Schema, made from the option table: editors complete from it, Ajv checks with it.
import Type, { type TObject, type TSchema } from 'typebox';
import { type Context, type LocationKind, OPTION_LIST } from './options.js';
import { directory, prefix, upstreams } from './values.js';

const described = (schema: TSchema, description: string): TSchema => ({ ...schema, description });

const PREFIX = described(
  prefix.schema,
  'where the location appears, such as `/media/`; the longest prefix wins',
);
const ROOT = described(directory.schema, 'the directory, relative to the config file');
const closed = { additionalProperties: false };

/** The keys that make a location what it is, by kind; its options come from the table. */
const LOCATIONS: Readonly<Record<LocationKind, Record<string, TSchema>>> = {
  media: {
    kind: Type.Literal('media', { description: 'uploads: untrusted files' }),
    prefix: PREFIX,
    root: ROOT,
  },
  static: {
    kind: Type.Literal('static', { description: "the app's own collected static files" }),
    prefix: PREFIX,
    root: ROOT,
  },
  internal: {
    kind: Type.Literal('internal', {
      description: 'files that only the app hands out, by X-Accel-Redirect or X-Sendfile',
    }),
    prefix: PREFIX,
    root: ROOT,
  },
  upstream: {
    kind: Type.Literal('upstream', { description: 'the app' }),
    prefix: PREFIX,
    upstream: described(upstreams.schema, 'where the app listens, such as `:8000`; several as a list'),
  },
};

/** All kinds of location. */
export const LOCATION_KINDS = Object.keys(LOCATIONS) as LocationKind[];

/** Schema of one location of this kind. */
export function locationSchema(kind: LocationKind): TObject {
  return Type.Object({ ...LOCATIONS[kind], ...optionsIn(kind) }, closed);
}

/** Schema of the file, apart from what is inside each location. */
export function serverSchema(location: TSchema): TObject {
  return Type.Object(
    {
      $schema: Type.Optional(Type.String({ description: 'where editors find this schema' })),
      locations: Type.Optional(
        Type.Array(location, { description: 'what is served where; the longest prefix wins' }),
      ),
      ...optionsIn('server'),
    },
    closed,
  );
}

/** The complete schema, as published in the package. */
export function configSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'media-serve configuration',
    ...serverSchema(Type.Union(LOCATION_KINDS.map(locationSchema))),
  };
}

function optionsIn(context: Context): Record<string, TSchema> {
  const properties: Record<string, TSchema> = {};
  for (const [name, row] of OPTION_LIST) {
    if (!row.contexts.includes(context)) continue;
    const description = row.default === undefined ? row.doc : `${row.doc} (default ${row.default})`;
    properties[name] = Type.Optional(described(row.type.schema, description));
  }
  return properties;
}
