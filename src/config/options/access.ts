// Who may have files.
import { linkExpression, linkSecret } from '../secure-link.js';
import { appPath, duration, oneOf } from '../values.js';
import { option } from './option.js';

export const ACCESS = {
  authRequest: option({
    type: appPath,
    contexts: ['media', 'static'],
    nginx: 'auth_request',
    doc: 'a path of the app that is asked before each file, with the cookies of the client, `X-Original-URI` and `X-Original-Method`: 2xx serves the file, 401, 403 and redirects are passed on, anything else is 500',
  }),
  authCache: option({
    type: duration,
    contexts: ['media', 'static'],
    default: '0s',
    nginx: 'proxy_cache_valid',
    doc: 'how long a 2xx from `authRequest` counts for the same file and the same client; browsers may keep the file as long',
  }),
  secureLink: option({
    type: oneOf('hmac-sha256', 'md5'),
    contexts: ['media', 'static'],
    nginx: 'secure_link',
    doc: 'files only for signed links: `?expires=…&signature=…`, or `?expires=…&md5=…` as nginx has them; 403 for a wrong one, 410 for one that has expired',
  }),
  secureLinkSecret: option({
    type: linkSecret,
    contexts: ['media', 'static'],
    doc: 'where the secret of the links is: `env:NAME` or `file:PATH` (a line end after it does not count)',
  }),
  secureLinkMd5: option({
    type: linkExpression,
    contexts: ['media', 'static'],
    default: '$secure_link_expires$uri $secret',
    nginx: 'secure_link_md5',
    doc: 'what the `md5` of a link is made of',
  }),
};
