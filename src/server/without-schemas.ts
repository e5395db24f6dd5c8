// Fastify checks and writes bodies by JSON Schema, and loads the compilers for that as soon as it is made: a fifth of
// the time that starting takes. Here no route has a schema, since bodies are the app's.
import type { FastifyServerOptions } from 'fastify';

/** For Fastify's option `schemaController`; a route with a schema is refused when the server starts. */
export const WITHOUT_SCHEMAS: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: { buildValidator: refuse, buildSerializer: refuse },
};

function refuse(): never {
  throw new Error('a route has a schema, and Fastify was made without compilers for schemas');
}
