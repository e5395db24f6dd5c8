// What waits for the app, or for clients, and where.
import { directory, onOff, size } from '../values.js';
import { option } from './option.js';

export const BUFFERING = {
  requestBuffering: option({
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_request_buffering',
    doc: 'give the app a request when its body is here, so that a slow client holds no worker; off for streaming uploads',
  }),
  responseBuffering: option({
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_buffering',
    doc: 'read an answer as fast as the app writes it, so that a slow client holds no worker; the app can turn it off with `X-Accel-Buffering: no`, and `text/event-stream` is never held back',
  }),
  bufferMemory: option({
    type: size,
    contexts: ['server', 'upstream'],
    default: '64kb',
    nginx: 'client_body_buffer_size, proxy_buffers',
    doc: 'how much of a body is held in memory, for each request and each answer, before it goes to a temporary file',
  }),
  uploadMemory: option({
    type: size,
    contexts: ['server'],
    default: '64mb',
    doc: 'memory that the bodies of all requests share, beyond the `bufferMemory` of each: what fits needs no temporary file; `0` is none',
  }),
  bufferFileLimit: option({
    type: size,
    contexts: ['server', 'upstream'],
    default: '1gb',
    nginx: 'proxy_max_temp_file_size',
    doc: "how much of an answer may wait in its temporary file; beyond it the app is read at the client's pace. `0` is no file",
  }),
  spoolDir: option({
    type: directory,
    contexts: ['server', 'upstream'],
    nginx: 'client_body_temp_path, proxy_temp_path',
    doc: "where the temporary files are (they have no name, so nothing is left behind); the system's temporary directory by default",
  }),
};
