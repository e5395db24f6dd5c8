/**
 * A plain Fastify with @fastify/static: what media-serve would be without its own file side. Version 10 lists every
 * directory on the path at each request (its check of the spelling), which shows where a directory has many files.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.js';

const APP = fileURLToPath(new URL('fastify-app.mjs', import.meta.url));

export const fastify: Peer = {
  id: 'fastify',
  name: 'Fastify',
  setup:
    "@fastify/static, Fastify's request log on (logger: true; its default is off) to a file (stdout), defaults otherwise",
  async probe() {
    const path = createRequire(import.meta.url).resolve('fastify/package.json');
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
    const reason = 'files only: @fastify/http-proxy is no dependency of this project';
    return { version, cannot: { proxy: reason, 'protected files': reason, bucket: reason } };
  },
  command: ({ port, media }) => ({ command: process.execPath, args: [APP, media, String(port)] }),
};
