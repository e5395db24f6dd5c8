/** The nginx that media-serve is compared with: the configuration that a Django project has today. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { type RunningNginx, startNginx } from '../support/nginx.js';
import { TEXT_TYPES, type Tree, TYPES } from './tree.js';

export interface Alias {
  readonly nginx: RunningNginx;
  /** Where the alias configuration answers. */
  readonly port: number;
  /** Where an app answers every request with `app`: the upstream of both servers. */
  readonly appPort: number;
}

/**
 * Starts it on the tree.
 * @param extra more directives for the server block, to make an nginx that differs
 */
export async function startAlias(t: Test, tree: Tree, extra = ''): Promise<Alias> {
  const appPort = await startApp(t);
  const nginx = await startNginx(t, (port) => configuration(tree, port, appPort, extra));
  const [port = 0] = nginx.ports;
  return { nginx, port, appPort };
}

async function startApp(t: Test): Promise<number> {
  const app = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    request.resume();
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 4 }).end('app\n');
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  t.teardown(() => {
    app.close();
    app.closeAllConnections();
  });
  return (app.address() as AddressInfo).port;
}

/**
 * Beside the ordinary directives stand the X-Path and X-Location headers: nginx tells what it took the target
 * for, so that no rule has to work that out for itself.
 */
function configuration(tree: Tree, port: number, appPort: number, extra: string): string {
  const types = Object.entries(TYPES).map(([extension, type]) => `${type} ${extension};`);
  return `
  types { ${types.join(' ')} }
  default_type application/octet-stream;
  # Answers to HTTP/1.0 are compressed, too.
  gzip_http_version 1.0;
  keepalive_requests 1000000;
  # Otherwise the reset that follows a close destroys an answer that is still on its way.
  lingering_close always;

  # A line end in $uri would end the header that carries it; no file here has one in its name.
  map $uri $path {
    "~^[\\x20-\\x7e\\x80-\\xff]*\\z" "[$uri]";
    "~^(?<prefix>/(?:media|static)/)" "[\${prefix}?]";
    "~^/" "[/?]";
    default "";
  }

  upstream app {
    server 127.0.0.1:${appPort};
    keepalive 8;
  }
  server {
    listen 127.0.0.1:${port};
    # An index file changes $uri; a map is worked out once, so it is asked for before that.
    set $asked $path;
    add_header X-Path $path always;
    ${extra}
    location /media/ {
      alias ${tree.media}/;
      charset utf-8;
      charset_types ${TEXT_TYPES.join(' ')};
      add_header X-Path $path always;
      add_header X-Location media always;
    }
    location /static/ {
      alias ${tree.static}/;
      charset utf-8;
      charset_types ${TEXT_TYPES.join(' ')};
      gzip_static on;
      gzip_vary on;
      add_header X-Path $path always;
      add_header X-Location static always;
    }
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      add_header X-Path $path always;
      add_header X-Location app always;
    }
  }`;
}
