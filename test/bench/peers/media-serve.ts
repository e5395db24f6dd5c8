/** This project's server, as it is built in dist. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { capture } from '../proc.js';
import { BUCKET } from '../stub/answers.js';
import type { Peer } from './peer.js';

const CLI = fileURLToPath(new URL('../../../dist/cli.js', import.meta.url));
const PACKAGE = new URL('../../../package.json', import.meta.url);

/** Requests are signed, as they are where a bucket is not everybody's. */
const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'a key that nobody checks' };

function bucketArgs(port: number): string[] {
  return ['--mount', `/bucket/=s3://${BUCKET}`, '--s3-endpoint', `http://127.0.0.1:${port}`];
}

export const mediaServe: Peer = {
  id: 'media-serve',
  name: 'media-serve',
  setup:
    'access log to a file (stdout), --max-connections as nginx has worker_connections, defaults otherwise',
  async probe() {
    if (!existsSync(CLI)) throw new Error('dist/cli.js is not there: npm run build');
    const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
    const help = await capture({ command: process.execPath, args: [CLI, '--help'] });
    return {
      version,
      cannot: help.includes('--internal')
        ? {}
        : { 'protected files': 'not supported yet: no option --internal' },
    };
  },
  command: ({ port, media, upstreamPort, protectedFiles, bucketPort, connections }) => ({
    command: process.execPath,
    env: bucketPort === undefined ? {} : CREDENTIALS,
    args: [
      CLI,
      ...['--listen', `127.0.0.1:${port}`, '--log-format', 'json'],
      ...['--root', media, '--url', '/media/', '--upstream', `127.0.0.1:${upstreamPort}`],
      ...['--max-connections', String(connections)],
      ...(bucketPort === undefined ? [] : bucketArgs(bucketPort)),
      ...(protectedFiles === undefined ? [] : ['--internal', `/protected/=${protectedFiles}`]),
    ],
  }),
};
