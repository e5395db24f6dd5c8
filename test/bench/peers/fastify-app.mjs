// Serves a folder under /media/ on a port: node fastify-app.mjs DIR PORT. Plain JavaScript, so that no
// TypeScript loader counts in its start-up time and memory.
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';

const [, , root = '.', port = '0'] = process.argv;
const app = fastify({ logger: true });
await app.register(fastifyStatic, { root, prefix: '/media/' });
await app.listen({ host: '127.0.0.1', port: Number(port) });
