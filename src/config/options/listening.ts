// Where the server listens, and what stands in front of it.
import { fileMode, group, listenAddress, networks, onOff } from '../values.js';
import { option } from './option.js';

export const LISTENING = {
  listen: option({
    type: listenAddress,
    contexts: ['server'],
    default: ':8080',
    environment: ['PORT'],
    nginx: 'listen',
    doc: 'where to listen: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (all addresses of the name), `unix:/run/media.sock`',
  }),
  socketMode: option({
    type: fileMode,
    contexts: ['server'],
    default: '0666',
    doc: 'the mode of a unix socket: who may write to it may connect',
  }),
  socketGroup: option({
    type: group,
    contexts: ['server'],
    doc: 'the group of a unix socket, by name or number, such as `www-data`; by default that of this process',
  }),
  trustProxy: option({
    type: networks,
    contexts: ['server'],
    nginx: 'set_real_ip_from',
    doc: 'the proxies in front of this server whose `X-Forwarded-*` and `Forwarded` count: `10.0.0.0/8`, `192.0.2.1`, `loopback`, `private`, `unix`; none by default',
  }),
  proxyProtocol: option({
    type: onOff,
    contexts: ['server'],
    default: 'off',
    nginx: 'listen … proxy_protocol',
    doc: 'every connection begins with a PROXY protocol header, version 1 or 2, as load balancers send it',
  }),
};
