/** Proxied requests: small ones, uploads, downloads, X-Accel-Redirect, and what a single request waits. */
import { get, type Request } from '../http.js';
import { SMALL_ANSWER } from '../stub/answers.js';
import type { Case } from './case.js';
import { loadCase } from './load.js';

const UPLOAD_SIZE = 10 * 2 ** 20;

const SMALL = { request: get('/small'), status: 200, body: Buffer.from(SMALL_ANSWER) };

const POST: Request = {
  method: 'POST',
  path: '/small',
  headers: { 'Content-Type': 'application/octet-stream' },
  body: Buffer.alloc(1024, 'x'),
};

export const PROXY_CASES: readonly Case[] = [
  loadCase({
    id: 'proxy-130',
    title: 'a proxied answer of 130 bytes',
    needs: ['proxy'],
    connections: 32,
    about: 'requests',
    upstream: 'fast',
    exchanges: async () => [SMALL],
  }),
  loadCase({
    id: 'proxy-post-1k',
    title: 'a proxied POST of 1 KiB',
    needs: ['proxy'],
    connections: 32,
    about: 'requests',
    upstream: 'fast',
    exchanges: async () => [{ ...SMALL, request: POST }],
  }),
  loadCase({
    id: 'proxy-post-1k-chunked',
    title: 'the same in chunks',
    needs: ['proxy'],
    connections: 32,
    about: 'requests',
    upstream: 'fast',
    exchanges: async () => [{ ...SMALL, request: { ...POST, isChunked: true } }],
  }),
  loadCase({
    id: 'proxy-upload-10m',
    title: 'a proxied upload of 10 MiB',
    needs: ['proxy'],
    connections: 4,
    about: 'bytes',
    upstream: 'app',
    exchanges: async () => [
      {
        request: {
          method: 'POST',
          path: '/upload',
          headers: { 'Content-Type': 'application/octet-stream' },
          body: Buffer.alloc(UPLOAD_SIZE, 'x'),
        },
        status: 200,
        body: Buffer.from(String(UPLOAD_SIZE)),
      },
    ],
  }),
  loadCase({
    id: 'proxy-download-10m',
    title: 'a proxied download of 10 MiB',
    needs: ['proxy'],
    connections: 4,
    about: 'bytes',
    upstream: 'fast',
    exchanges: async ({ workspace }) => [
      { request: get('/download'), status: 200, body: workspace.download },
    ],
  }),
  loadCase({
    id: 'x-accel',
    title: 'X-Accel-Redirect from the app to a file of 4 KiB',
    needs: ['proxy', 'protected files'],
    connections: 32,
    about: 'requests',
    upstream: 'fast',
    protectedFiles: true,
    exchanges: async ({ workspace }) => [
      { request: get('/protected-file'), status: 200, body: workspace.files.f4k },
    ],
  }),
  loadCase({
    id: 'latency',
    title: 'a proxied answer of 130 bytes, one request at a time',
    needs: ['proxy'],
    connections: 1,
    about: 'latency',
    upstream: 'fast',
    exchanges: async () => [SMALL],
  }),
];
