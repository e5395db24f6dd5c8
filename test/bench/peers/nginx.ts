/** nginx, the server that every ratio refers to. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, isInstalled } from '../proc.js';
import { BUCKET } from '../stub/answers.js';
import type { Peer } from './peer.js';

export const nginx: Peer = {
  id: 'nginx',
  name: 'nginx',
  setup: 'one worker, sendfile, access_log with buffer=64k, keepalive connections to the upstream',
  async probe() {
    if (!isInstalled('nginx')) throw new Error('not installed');
    const output = await capture({ command: 'nginx', args: ['-v'] });
    return { version: /nginx\/(\S+)/.exec(output)?.[1] ?? output.trim(), cannot: {} };
  },
  command({ port, folder, media, upstreamPort, connections, protectedFiles, bucketPort }) {
    const config = join(folder, 'nginx.conf');
    writeFileSync(
      config,
      `worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr;
events { worker_connections ${connections}; }
http {
  types { image/jpeg jpg; video/mp4 mp4; }
  sendfile on;
  access_log ${folder}/access.log combined buffer=64k;
  client_max_body_size 100m;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  upstream app { server 127.0.0.1:${upstreamPort}; keepalive 32; }
  upstream store { server 127.0.0.1:${bucketPort ?? upstreamPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location /media/ { alias ${media}/; }
    ${protectedFiles === undefined ? '' : `location /protected/ { internal; alias ${protectedFiles}/; }`}
    ${bucketPort === undefined ? '' : BUCKET_LOCATION}
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
    location /websocket {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }
  }
}
`,
    );
    return { command: 'nginx', args: ['-p', folder, '-e', 'stderr', '-c', config] };
  },
};

/** nginx cannot sign: its bucket must be everybody's. */
const BUCKET_LOCATION = `location /bucket/ {
      proxy_pass http://store/${BUCKET}/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }`;
