// The config file's shape as JSON Schema, made from the option table: editors complete from it, Ajv checks with it.
import type { JsonSchema } from './json-schema.js';
import type { Context, LocationKind } from './options/option.js';
import { OPTION_LIST } from './options.js';
import { directory, prefix, upstreams } from './values.js';

const described = (schema: JsonSchema, description: string): JsonSchema => ({ ...schema, description });

const PREFIX = described(
  prefix.schema,
  'where the location appears, such as `/media/`; the longest prefix wins',
);
const ROOT = described(
  directory.schema,
  'a directory, relative to the config file, or a bucket: `s3://bucket/prefix`',
);

/** The keys that make a location what it is, by kind; its options come from the table. */
const LOCATIONS: Readonly<Record<LocationKind, Record<string, JsonSchema>>> = {
  media: {
    kind: { const: 'media', description: 'uploads: untrusted files' },
    prefix: PREFIX,
    root: ROOT,
  },
  static: {
    kind: { const: 'static', description: "the app's own collected static files" },
    prefix: PREFIX,
    root: ROOT,
  },
  internal: {
    kind: {
      const: 'internal',
      description: 'files that only the app hands out, by X-Accel-Redirect or X-Sendfile',
    },
    prefix: PREFIX,
    root: ROOT,
  },
  denied: {
    kind: {
      const: 'denied',
      description:
        'nobody gets anything here, nor at the path without its last slash, whatever lies around it: 403',
    },
    prefix: PREFIX,
  },
  upstream: {
    kind: { const: 'upstream', description: 'the app' },
    prefix: PREFIX,
    upstream: described(upstreams.schema, 'where the app listens, such as `:8000`; several as a list'),
  },
};

/** All kinds of location. */
export const LOCATION_KINDS = Object.keys(LOCATIONS) as LocationKind[];

/** Schema of one location of this kind. */
export function locationSchema(kind: LocationKind): JsonSchema {
  const own = LOCATIONS[kind];
  return closedObject({ ...own, ...optionsIn(kind) }, Object.keys(own));
}

/** Schema of the file, apart from what is inside each location. */
export function serverSchema(location: JsonSchema): JsonSchema {
  return closedObject({
    $schema: { type: 'string', description: 'where editors find this schema' },
    locations: {
      type: 'array',
      items: location,
      description: 'what is served where; the longest prefix wins',
    },
    ...optionsIn('server'),
  });
}

/** The complete schema, as published in the package. */
export function configSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'media-serve configuration',
    ...serverSchema({ anyOf: LOCATION_KINDS.map(locationSchema) }),
  };
}

/** An object with these keys and no others. */
function closedObject(
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema {
  return { type: 'object', required, properties, additionalProperties: false };
}

function optionsIn(context: Context): Record<string, JsonSchema> {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, row] of OPTION_LIST) {
    if (!row.contexts.includes(context)) continue;
    const description = row.default === undefined ? row.doc : `${row.doc} (default ${row.default})`;
    properties[name] = described(row.type.schema, description);
  }
  return properties;
}
