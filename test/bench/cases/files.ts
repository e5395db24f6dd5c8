/** Files: hot and large ones, many at random, conditional requests and ranges. */
import { type Exchange, fetchOnce, get } from '../http.js';
import { RANDOM_FILES } from '../workspace.js';
import type { Case } from './case.js';
import { loadCase } from './load.js';

const MiB = 2 ** 20;

const SMALL = { needs: ['files'], connections: 32, about: 'requests' } as const;

export const FILE_CASES: readonly Case[] = [
  loadCase({
    ...SMALL,
    id: 'hot-4k',
    title: 'one file of 4 KiB',
    exchanges: async ({ workspace }) => [file('/media/f4k.jpg', workspace.files.f4k)],
  }),
  loadCase({
    ...SMALL,
    id: 'hot-4k-http10',
    title: 'the same by HTTP/1.0',
    exchanges: async ({ workspace }) => {
      const { request, ...answer } = file('/media/f4k.jpg', workspace.files.f4k);
      const asOld = { ...request, headers: { Connection: 'keep-alive' }, httpVersion: '1.0' } as const;
      return [{ ...answer, request: asOld }];
    },
  }),
  loadCase({
    ...SMALL,
    id: 'hot-64k',
    title: 'one file of 64 KiB',
    exchanges: async ({ workspace }) => [file('/media/f64k.jpg', workspace.files.f64k)],
  }),
  loadCase({
    id: 'large',
    title: 'one file of 100 MiB',
    needs: ['files'],
    connections: 8,
    about: 'bytes',
    exchanges: async ({ workspace }) => [file('/media/large.mp4', workspace.files.large)],
  }),
  loadCase({
    ...SMALL,
    id: 'random-20k',
    title: `${RANDOM_FILES} files of 20 KB at random, in the page cache`,
    exchanges: async ({ workspace }) =>
      Array.from({ length: RANDOM_FILES }, (_, index) =>
        file(`/media/random/${index}.jpg`, workspace.files.f20k),
      ),
  }),
  loadCase({
    ...SMALL,
    id: 'not-modified',
    title: '304 on If-None-Match, for the file of 4 KiB',
    async exchanges(_bench, origin) {
      const { headers } = await fetchOnce(origin, get('/media/f4k.jpg'));
      if (headers.etag === undefined) throw new Error('/media/f4k.jpg has no ETag');
      const request = get('/media/f4k.jpg', { 'If-None-Match': headers.etag });
      return [{ request, status: 304, body: Buffer.alloc(0) }];
    },
  }),
  loadCase({
    id: 'range-1m',
    title: 'a range of 1 MiB at a random place of the file of 100 MiB',
    needs: ['files'],
    connections: 8,
    about: 'bytes',
    exchanges: async ({ workspace }) =>
      Array.from({ length: 500 }, (_, index) => {
        // A fixed sequence that jumps all over the file, and to odd offsets.
        const first = (index * 37_000_003) % (99 * MiB);
        const request = get('/media/large.mp4', { Range: `bytes=${first}-${first + MiB - 1}` });
        return { request, status: 206, body: workspace.files.large.subarray(first, first + MiB) };
      }),
  }),
];

function file(path: string, body: Buffer): Exchange {
  return { request: get(path), status: 200, body };
}
