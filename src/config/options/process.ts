// Settings, log and shutdown.
import { directory, file, oneOf, onOff, timeout } from '../values.js';
import { option } from './option.js';

export const PROCESS = {
  config: option({
    type: file,
    contexts: ['command'],
    doc: 'a JSON file with the list of locations and everything else; comments and trailing commas may stand in it',
  }),
  nginxConfig: option({
    type: file,
    contexts: ['command'],
    doc: "nginx's configuration in place of one of our own: what it says is done, as far as it can be, and the log tells what cannot (`media-serve migrate FILE` tells it beforehand)",
  }),
  apacheConfig: option({
    type: file,
    contexts: ['command'],
    doc: "Apache's configuration, read in the same way",
  }),
  configPrefix: option({
    type: directory,
    contexts: ['command'],
    doc: "where relative paths in nginx's or Apache's configuration start; by default the directory of the file, or of the `nginx.conf` above it",
  }),
  strictConfig: option({
    type: onOff,
    contexts: ['command'],
    default: 'off',
    doc: "do not start where a line of nginx's or Apache's configuration cannot be done as it is written",
  }),
  shutdownTimeout: option({
    type: timeout,
    contexts: ['server'],
    default: '30s',
    nginx: 'worker_shutdown_timeout',
    doc: 'how long requests under way may take to finish after SIGTERM or SIGINT',
  }),
  logLevel: option({
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    contexts: ['server'],
    default: 'info',
    nginx: 'error_log',
    doc: 'the least important log line to write: `trace`, `debug`, `info` (with a line for each request), `warn`, `error`, `fatal`, `silent`',
  }),
  logFormat: option({
    type: oneOf('json', 'pretty'),
    contexts: ['server'],
    nginx: 'log_format',
    doc: 'one JSON object a line, or text for people; `pretty` when the output is a terminal, else `json`',
  }),
};
