/** Caddy, its Go code kept to one thread at a time by GOMAXPROCS. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, isInstalled } from '../proc.js';
import type { Peer } from './peer.js';

export const caddy: Peer = {
  id: 'caddy',
  name: 'Caddy',
  setup: 'GOMAXPROCS=1, access log to a file (stdout), defaults otherwise',
  async probe() {
    if (!isInstalled('caddy')) throw new Error('not installed');
    const output = await capture({ command: 'caddy', args: ['version'] });
    return { version: output.trim().split(' ')[0] ?? '', cannot: { bucket: 'not set up here' } };
  },
  command({ port, folder, media, upstreamPort, protectedFiles }) {
    const config = join(folder, 'Caddyfile');
    writeFileSync(
      config,
      `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  log {
    output stdout
  }
  handle_path /media/* {
    root * ${media}
    file_server
  }
  handle {
    reverse_proxy 127.0.0.1:${upstreamPort} {
      ${protectedFiles === undefined ? '' : handleRedirect(protectedFiles)}
    }
  }
}
`,
    );
    return {
      command: 'caddy',
      args: ['run', '--adapter', 'caddyfile', '--config', config],
      env: { GOMAXPROCS: '1', XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    };
  },
};

/** What Caddy's documentation gives as its counterpart of X-Accel-Redirect. */
function handleRedirect(root: string): string {
  return `@protected header X-Accel-Redirect *
      handle_response @protected {
        rewrite * {http.reverse_proxy.header.X-Accel-Redirect}
        uri strip_prefix /protected
        root * ${root}
        file_server
      }`;
}
