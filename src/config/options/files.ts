// Which files there are, and where they appear.
import { mount, root } from '../root.js';
import { countFromOne, dotfile, fromFile, listOf, oneOf, onOff, prefix, requiredTimeout } from '../values.js';
import { option } from './option.js';

export const FILES = {
  root: option({
    type: root,
    contexts: ['command'],
    default: './media',
    environment: ['MEDIA_ROOT'],
    nginx: 'alias',
    doc: 'uploads, in a directory or in a bucket (`s3://BUCKET/PREFIX`): whoever knows the URL of one gets it, and the app is not asked',
  }),
  proxyOnly: option({
    type: onOff,
    contexts: ['command'],
    default: 'off',
    doc: 'serve no uploads, also where MEDIA_ROOT is set: for apps that send their media themselves, to those who may have it',
  }),
  url: option({
    type: prefix,
    contexts: ['command'],
    default: '/media/',
    environment: ['MEDIA_URL'],
    nginx: 'location',
    doc: 'where the uploads appear; `media`, `/media` and a full URL all mean `/media/`',
  }),
  staticRoot: option({
    type: root,
    contexts: ['command'],
    environment: ['STATIC_ROOT'],
    nginx: 'alias',
    doc: "the app's collected static files, in a directory or in a bucket",
  }),
  staticUrl: option({
    type: prefix,
    contexts: ['command'],
    default: '/static/',
    environment: ['STATIC_URL'],
    nginx: 'location',
    doc: 'where the static files appear',
  }),
  mount: option({
    type: mount,
    contexts: ['command'],
    nginx: 'location … { alias … }',
    doc: 'one more directory of uploads, or a bucket; may be repeated (in the environment: separated by commas)',
  }),
  internal: option({
    type: mount,
    contexts: ['command'],
    nginx: 'location … { internal; alias … }',
    doc: 'files that nobody can ask for: the app hands them out with `X-Accel-Redirect: PREFIX…` or `X-Sendfile: DIR…`, from a bucket with the former; may be repeated',
  }),
  symlinks: option({
    type: oneOf('inside', 'never', 'follow'),
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'inside',
    nginx: 'disable_symlinks',
    doc: '`inside`: links are followed while the real path stays in the root; `never`: none is; `follow`: links may lead anywhere, so that whoever can place one reads all that this process can',
  }),
  dotfiles: option({
    type: listOf(dotfile),
    contexts: ['server', 'media', 'static', 'internal'],
    nginx: 'location ~ /\\.',
    doc: 'names that begin with a dot and are served all the same, such as `.cache`, whole names at any depth; `.well-known` and `.thumbnails` always are',
  }),
  diskIo: option({
    type: oneOf('auto', 'direct', 'threads'),
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'auto',
    nginx: 'aio',
    doc: 'who asks the disk: `direct` is fastest, and everything waits when the disk hangs; with `threads` only those wait who want its files; `auto` takes threads for a root that lies on NFS, CIFS, FUSE, 9p, Ceph or the like, or has such a mount in it, now or later',
  }),
  diskThreads: option({
    type: countFromOne,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: '16',
    nginx: 'thread_pool … threads=',
    doc: 'threads for each root that they ask, and so the calls that may hang; past it its files are 503 at once. They begin when they are needed, and one takes about 10 MB',
  }),
  diskTimeout: option({
    type: requiredTimeout,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: '10s',
    doc: 'how long such a thread may take to find a file, or to read a piece of it; past it the answer is 504, or is broken off where it has begun',
  }),
  index: option({
    type: fromFile<string>({ type: 'string', pattern: '^[^/]+$' }),
    contexts: ['media', 'static'],
    nginx: 'index',
    doc: 'the file that is sent for a directory, such as `index.html`; with it, a directory named without a slash is redirected to its slash',
  }),
};
