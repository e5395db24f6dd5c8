/** The servers that are compared, in the order of the tables. */
import { caddy } from './caddy.js';
import { fastify } from './fastify.js';
import { mediaServe } from './media-serve.js';
import { nginx } from './nginx.js';
import type { Peer } from './peer.js';

export const PEERS: readonly Peer[] = [mediaServe, nginx, caddy, fastify];

/** The peer that ratios are computed against. */
export const BASE = nginx.id;
