// The app, and how it is asked.
import { count, oneOf, onOff, size, timeout, upstreams } from '../values.js';
import { option } from './option.js';

export const APP = {
  upstream: option({
    type: upstreams,
    contexts: ['command'],
    nginx: 'proxy_pass, upstream',
    doc: 'the app, which gets every other request: `:8000`, `host:8000`, `http://host:8000`, `unix:/run/app.sock`; several are separated by commas, and one that only stands in for the others is written `:8001 backup`',
  }),
  maxResponseHead: option({
    type: size,
    contexts: ['server', 'upstream'],
    default: '64kb',
    nginx: 'proxy_buffer_size',
    doc: "the largest head of an app's answer; over it the answer is 502. Each request under way may take as much memory",
  }),
  connectTimeout: option({
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '10s',
    nginx: 'proxy_connect_timeout',
    doc: 'how long connecting to the app may take before the answer is 504; looking up its host name has as much time for itself, where no address is known yet',
  }),
  readTimeout: option({
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '60s',
    nginx: 'proxy_read_timeout',
    doc: 'how long the app may be silent, before its answer (then the answer is 504) or within it (then the connection is cut)',
  }),
  upstreamSendTimeout: option({
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '60s',
    nginx: 'proxy_send_timeout',
    doc: 'how long the app may take no byte of a request body before the answer is 504',
  }),
  totalTimeout: option({
    type: timeout,
    contexts: ['server', 'upstream'],
    doc: 'how long the app may take for a request altogether, from its first byte there to the last of the answer; off by default',
  }),
  balance: option({
    type: oneOf('round-robin', 'least-connections'),
    contexts: ['server', 'upstream'],
    default: 'round-robin',
    nginx: 'least_conn',
    doc: 'how requests are shared out among several servers of the app: in turn, or to the one with the fewest under way, open WebSockets among them',
  }),
  maxFails: option({
    type: count,
    contexts: ['server', 'upstream'],
    default: '1',
    nginx: 'max_fails',
    doc: 'after how many failures, each within `failTimeout` of the one before, one of several servers is left out; `0` never',
  }),
  failTimeout: option({
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '10s',
    nginx: 'fail_timeout',
    doc: 'how long a failed server is left out before one request tries it again',
  }),
  abortOnClientClose: option({
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_ignore_client_abort',
    doc: 'end a request at the app when its client leaves, or has said its last byte; off lets the app finish, and answers a client that still reads',
  }),
};
