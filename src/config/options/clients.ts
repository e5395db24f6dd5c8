// Clients and their limits.
import { countFromOne, errorPage, listOf, size, timeout } from '../values.js';
import { option } from './option.js';

export const CLIENTS = {
  maxConnections: option({
    type: countFromOne,
    contexts: ['server'],
    nginx: 'worker_connections',
    doc: 'connections of clients that are open at once, tunnels among them, those to the app not; past it idle ones are closed, and new ones wait. By default half of the open files that the system allows (`ulimit -n`), less some to spare, and at most 16384',
  }),
  maxBody: option({
    type: size,
    contexts: ['server', 'upstream'],
    default: '100mb',
    nginx: 'client_max_body_size',
    doc: 'the largest request body; over it the answer is 413. `0` is no limit',
  }),
  maxRequestHead: option({
    type: size,
    contexts: ['server'],
    default: '32kb',
    nginx: 'large_client_header_buffers',
    doc: 'the largest head of a request, cookies and all; over it the answer is 431, or 414 when the address alone is longer. Each connection may take as much memory, and what the app takes may be less',
  }),
  sendTimeout: option({
    type: timeout,
    contexts: ['server', 'media', 'static', 'internal', 'upstream'],
    default: '60s',
    nginx: 'send_timeout, client_body_timeout',
    doc: 'how long a client may neither take nor send a byte while a response or a request body is under way',
  }),
  errorPage: option({
    type: listOf(errorPage),
    contexts: ['server'],
    nginx: 'error_page',
    doc: 'a page of your own for an error status, such as `502=./pages/502.html`; may be repeated',
  }),
  keepAliveTimeout: option({
    type: timeout,
    contexts: ['server'],
    default: '75s',
    nginx: 'keepalive_timeout',
    doc: 'how long a connection of a client may be idle between two requests; a load balancer in front must close first, so longer than its own time (Google: 600s); `0` closes it after each answer',
  }),
};
