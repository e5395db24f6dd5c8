// Connections to the app (nginx: upstream, keepalive).
import { Pool } from 'undici';
import type { UpstreamLocation } from '../config/location.js';

/**
 * How long an idle connection is kept, in milliseconds. gunicorn's threaded workers close theirs after 2 s and
 * uvicorn after 5 s; staying below means that we close first, and no request meets a closing connection.
 */
const KEEP_IDLE = 1500;

/** A pool that opens as many connections as there are requests under way, and keeps idle ones for a moment. */
export function createPool({ upstream, connectTimeout, readTimeout }: UpstreamLocation): Pool {
  const origin =
    upstream.kind === 'unix' ? 'http://localhost' : `http://${authority(upstream.host, upstream.port)}`;
  return new Pool(origin, {
    pipelining: 1,
    keepAliveTimeout: KEEP_IDLE,
    keepAliveMaxTimeout: KEEP_IDLE,
    headersTimeout: readTimeout,
    bodyTimeout: readTimeout,
    connect: { timeout: connectTimeout, ...(upstream.kind === 'unix' ? { socketPath: upstream.path } : {}) },
  });
}

function authority(host = '127.0.0.1', port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
