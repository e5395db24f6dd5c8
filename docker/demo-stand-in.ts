/**
 * Takes Django's place in the demo where there is no Python: a page with the uploads, a way to upload, and an
 * answer that is written little by little. Like Django with DEBUG off, it never serves an upload itself.
 */
import { createWriteStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import fastify from 'fastify';

/** The page's own files; its style sheet is that of the Django project. */
const ASSETS = ['./demo-assets/', './django/gallery/static/gallery/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** File names that need no thought: no separators, no leading dot. */
const PLAIN_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_ .()-]{0,99}$/u;

/** Starts the app on a unix socket. */
export async function startStandIn({
  socket,
  mediaRoot,
}: {
  socket: string;
  mediaRoot: string;
}): Promise<{ stop(): Promise<void> }> {
  const app = fastify({ bodyLimit: 100 * 1024 * 1024, forceCloseConnections: true });
  await app.register(fastifyStatic, { root: ASSETS, prefix: '/assets/' });
  // An upload is the bare file: no form to take apart.
  app.addContentTypeParser('*', (_request, body, done) => done(null, body));

  app.get('/', (_request, reply) => reply.sendFile('index.html'));

  app.get('/uploads', async () => {
    const entries = await readdir(mediaRoot, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  });

  app.put<{ Params: { name: string }; Body: Readable }>('/uploads/:name', async (request, reply) => {
    const { name } = request.params;
    if (!PLAIN_NAME.test(name)) {
      return reply
        .code(400)
        .send({ message: 'Give the file a name of letters, digits, spaces, dots and dashes.' });
    }
    try {
      await pipeline(request.body, createWriteStream(join(mediaRoot, name), { flags: 'wx' }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return reply.code(409).send({ message: `There is a ${name} already.` });
    }
    return reply.code(201).send({ name });
  });

  app.get('/stream/', (_request, reply) => reply.type('text/plain').send(Readable.from(lines())));

  await app.listen({ path: socket });
  return { stop: () => app.close() };
}

async function* lines(): AsyncGenerator<string> {
  for (let n = 1; n <= 5; n += 1) {
    yield `${n} ${(Date.now() / 1000).toFixed(3)}\n`;
    await delay(500);
  }
}
