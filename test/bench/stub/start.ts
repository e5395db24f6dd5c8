/**
 * What the servers proxy to. A second, tiny nginx gives the answers that must be fast; a Node app takes what
 * nginx cannot: counting uploads and WebSockets. Both run on the load's core, never on that of the server
 * under test. That the stub is not the limit is shown by measuring it directly, without a server in front.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled, type Running, start } from '../proc.js';
import { freePort, untilAnswered } from '../ready.js';
import type { Workspace } from '../workspace.js';
import { BUCKET, REDIRECT_TO, SMALL_ANSWER } from './answers.js';

const APP = fileURLToPath(new URL('app.ts', import.meta.url));

export interface Stub {
  readonly port: number;
  readonly core: number;
  readonly running: Running;
}

export interface Stubs {
  /** Answers /small, /download and /protected-file, and for the objects of a bucket, whoever signs the request. */
  readonly fast: Stub;
  /** Answers /upload and /websocket. */
  readonly app: Stub;
  /** How they were set up, for the report. */
  readonly description: string;
}

/** Starts both stubs on the core. They idle, at no cost, while nothing is proxied. */
export async function startStubs(workspace: Workspace, core: number): Promise<Stubs> {
  const app = await startApp(workspace, core);
  if (!isInstalled('nginx')) {
    return {
      app,
      fast: app,
      description: 'a Node app (no nginx here), possibly the limit, on the core of wrk',
    };
  }
  return {
    app,
    fast: await startNginx(workspace, core),
    description: 'a second nginx, for uploads and WebSockets a Node app, both on the core of wrk',
  };
}

async function startApp(workspace: Workspace, core: number): Promise<Stub> {
  const port = await freePort();
  const running = start(
    {
      command: process.execPath,
      args: [
        '--import',
        import.meta.resolve('tsx'),
        APP,
        String(port),
        join(workspace.downloads, 'f10m.bin'),
      ],
    },
    { core, folder: workspace.folder('stub-app') },
  );
  await untilAnswered(running, port, '/small');
  return { port, core, running };
}

async function startNginx(workspace: Workspace, core: number): Promise<Stub> {
  const port = await freePort();
  const folder = workspace.folder('stub-nginx');
  const config = join(folder, 'nginx.conf');
  writeFileSync(
    config,
    `worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type application/json;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location = /small { return 200 '${SMALL_ANSWER}'; }
    location = /download { alias ${workspace.downloads}/f10m.bin; }
    location /${BUCKET}/ { types { image/jpeg jpg; video/mp4 mp4; } alias ${workspace.media}/; }
    location = /protected-file { add_header X-Accel-Redirect ${REDIRECT_TO}; return 200 ''; }
  }
}
`,
  );
  const command = { command: 'nginx', args: ['-p', folder, '-e', 'stderr', '-c', config] };
  const running = start(command, { core, folder });
  await untilAnswered(running, port, '/small');
  return { port, core, running };
}
