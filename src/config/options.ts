// The option table. Every option is declared here and nowhere else: its type, default, names in the environment,
// where it may stand, the nginx directive it answers to, and its documentation. `--help`, the README's reference
// and the config file's JSON Schema are generated from it (reference.ts).
import { endpoint, mount, region, root } from './root.js';
import { linkExpression, linkSecret } from './secure-link.js';
import {
  appPath,
  checkAddedFields,
  checkFields,
  checkMediaType,
  checkPattern,
  checkTypes,
  count,
  countFromOne,
  directory,
  dotfile,
  duration,
  errorPage,
  file,
  fileMode,
  fromFile,
  group,
  listenAddress,
  listOf,
  networks,
  oneOf,
  onOff,
  prefix,
  requiredTimeout,
  size,
  timeout,
  upstreams,
  type ValueType,
} from './values.js';

/** The kinds of location (see location.ts). */
export type LocationKind = 'media' | 'static' | 'internal' | 'denied' | 'upstream';

/**
 * Where an option may stand: `command` means flag and environment only (a short way to write a location),
 * `server` means also the top level of the config file, a kind of location means inside such a location.
 * A row with neither `command` nor `server` has no flag and no variable: it says something of one location only.
 */
export type Context = 'command' | 'server' | LocationKind;

/** Where the files of a location may be. */
export type RootSort = 'directory' | 'bucket';

/** What options are about, as `--help` and the README's reference group them, in this order. */
const TOPICS = {
  files: 'Files: which ones, and where they appear',
  responses: 'Files: how they are sent',
  access: 'Files: who may have them',
  buckets: 'Files: in object storage (S3 and what speaks like it)',
  app: 'The app',
  buffering: 'The app: what waits for it, or for clients',
  clients: 'Clients and their limits',
  listening: 'Listening, and proxies in front',
  process: 'Settings, log and shutdown',
} as const;

/** Cache-Control for files whose path below the prefix matches. */
export interface CacheRule {
  /** A regular expression. */
  readonly match: string;
  readonly value: string;
}

/** One row of the table. */
export interface Option<T> {
  readonly topic: keyof typeof TOPICS;
  readonly type: ValueType<T>;
  /** Where it may stand. A location that does not set it inherits the server's value, as in nginx. */
  readonly contexts: readonly [Context, ...Context[]];
  /** As the operator would write it; absent means off. */
  readonly default?: string;
  /** Names read from the environment after `MEDIA_SERVE_<NAME>`, which every option has. */
  readonly environment?: readonly string[];
  /**
   * Set when it means something for roots of this sort alone. In a location with another root it is refused; for the whole
   * server it is just not used, and what others' variables say of it is not even read.
   */
  readonly onlyFor?: RootSort;
  /** The nginx directive it stands for. */
  readonly nginx?: string;
  /** One line of documentation, in Markdown, without a full stop at the end. */
  readonly doc: string;
}

const option = <T>(row: Option<T>): Option<T> => row;

/** All options; within a topic this is the order of the documentation. */
export const OPTIONS = {
  root: option({
    topic: 'files',
    type: root,
    contexts: ['command'],
    default: './media',
    environment: ['MEDIA_ROOT'],
    nginx: 'alias',
    doc: 'uploads, in a directory or in a bucket (`s3://BUCKET/PREFIX`): whoever knows the URL of one gets it, and the app is not asked',
  }),
  proxyOnly: option({
    topic: 'files',
    type: onOff,
    contexts: ['command'],
    default: 'off',
    doc: 'serve no uploads, also where MEDIA_ROOT is set: for apps that send their media themselves, to those who may have it',
  }),
  url: option({
    topic: 'files',
    type: prefix,
    contexts: ['command'],
    default: '/media/',
    environment: ['MEDIA_URL'],
    nginx: 'location',
    doc: 'where the uploads appear; `media`, `/media` and a full URL all mean `/media/`',
  }),
  staticRoot: option({
    topic: 'files',
    type: root,
    contexts: ['command'],
    environment: ['STATIC_ROOT'],
    nginx: 'alias',
    doc: "the app's collected static files, in a directory or in a bucket",
  }),
  staticUrl: option({
    topic: 'files',
    type: prefix,
    contexts: ['command'],
    default: '/static/',
    environment: ['STATIC_URL'],
    nginx: 'location',
    doc: 'where the static files appear',
  }),
  mount: option({
    topic: 'files',
    type: mount,
    contexts: ['command'],
    nginx: 'location … { alias … }',
    doc: 'one more directory of uploads, or a bucket; may be repeated (in the environment: separated by commas)',
  }),
  internal: option({
    topic: 'files',
    type: mount,
    contexts: ['command'],
    nginx: 'location … { internal; alias … }',
    doc: 'files that nobody can ask for: the app hands them out with `X-Accel-Redirect: PREFIX…` or `X-Sendfile: DIR…`, from a bucket with the former; may be repeated',
  }),
  upstream: option({
    topic: 'app',
    type: upstreams,
    contexts: ['command'],
    nginx: 'proxy_pass, upstream',
    doc: 'the app, which gets every other request: `:8000`, `host:8000`, `http://host:8000`, `unix:/run/app.sock`; several are separated by commas, and one that only stands in for the others is written `:8001 backup`',
  }),
  listen: option({
    topic: 'listening',
    type: listenAddress,
    contexts: ['server'],
    default: ':8080',
    environment: ['PORT'],
    nginx: 'listen',
    doc: 'where to listen: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (all addresses of the name), `unix:/run/media.sock`',
  }),
  socketMode: option({
    topic: 'listening',
    type: fileMode,
    contexts: ['server'],
    default: '0666',
    doc: 'the mode of a unix socket: who may write to it may connect',
  }),
  socketGroup: option({
    topic: 'listening',
    type: group,
    contexts: ['server'],
    doc: 'the group of a unix socket, by name or number, such as `www-data`; by default that of this process',
  }),
  config: option({
    topic: 'process',
    type: file,
    contexts: ['command'],
    doc: 'a JSON file with the list of locations and everything else; comments and trailing commas may stand in it',
  }),
  nginxConfig: option({
    topic: 'process',
    type: file,
    contexts: ['command'],
    doc: "nginx's configuration in place of one of our own: what it says is done, as far as it can be, and the log tells what cannot (`media-serve migrate FILE` tells it beforehand)",
  }),
  apacheConfig: option({
    topic: 'process',
    type: file,
    contexts: ['command'],
    doc: "Apache's configuration, read in the same way",
  }),
  configPrefix: option({
    topic: 'process',
    type: directory,
    contexts: ['command'],
    doc: "where relative paths in nginx's or Apache's configuration start; by default the directory of the file, or of the `nginx.conf` above it",
  }),
  strictConfig: option({
    topic: 'process',
    type: onOff,
    contexts: ['command'],
    default: 'off',
    doc: "do not start where a line of nginx's or Apache's configuration cannot be done as it is written",
  }),
  maxAge: option({
    topic: 'responses',
    type: duration,
    contexts: ['server', 'media', 'static'],
    default: '60s',
    nginx: 'expires',
    doc: 'how long browsers and caches may keep a file without asking again (`Cache-Control: public, max-age=…`)',
  }),
  symlinks: option({
    topic: 'files',
    type: oneOf('inside', 'never', 'follow'),
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'inside',
    nginx: 'disable_symlinks',
    doc: '`inside`: links are followed while the real path stays in the root; `never`: none is; `follow`: links may lead anywhere, so that whoever can place one reads all that this process can',
  }),
  dotfiles: option({
    topic: 'files',
    type: listOf(dotfile),
    contexts: ['server', 'media', 'static', 'internal'],
    nginx: 'location ~ /\\.',
    doc: 'names that begin with a dot and are served all the same, such as `.cache`, whole names at any depth; `.well-known` and `.thumbnails` always are',
  }),
  diskIo: option({
    topic: 'files',
    type: oneOf('auto', 'direct', 'threads'),
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'auto',
    nginx: 'aio',
    doc: 'who asks the disk: `direct` is fastest, and everything waits when the disk hangs; with `threads` only those wait who want its files; `auto` takes threads for a root that lies on NFS, CIFS, FUSE, 9p, Ceph or the like, or has such a mount in it, now or later',
  }),
  diskThreads: option({
    topic: 'files',
    type: countFromOne,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: '16',
    nginx: 'thread_pool … threads=',
    doc: 'threads for each root that they ask, and so the calls that may hang; past it its files are 503 at once. They begin when they are needed, and one takes about 10 MB',
  }),
  diskTimeout: option({
    topic: 'files',
    type: requiredTimeout,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: '10s',
    doc: 'how long such a thread may take to find a file, or to read a piece of it; past it the answer is 504, or is broken off where it has begun',
  }),
  cacheSize: option({
    topic: 'responses',
    type: size,
    contexts: ['server'],
    default: '64mb',
    nginx: 'open_file_cache',
    doc: 'memory for small files that are asked for often; each request still checks that the file is the same; `0` turns it off',
  }),
  maxRanges: option({
    topic: 'responses',
    type: count,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '64',
    nginx: 'max_ranges',
    doc: 'ranges in one request; a request for more gets the whole file, and `0` means that ranges are not served',
  }),
  sendfile: option({
    topic: 'responses',
    type: onOff,
    contexts: ['server', 'media', 'static', 'internal'],
    onlyFor: 'directory',
    default: 'on',
    nginx: 'sendfile',
    doc: 'large files go to the client in one copy within the kernel, on Linux and where the optional package koffi is installed; off for file systems that give old bytes to mappings, such as shared folders of virtual machines',
  }),
  limitRate: option({
    topic: 'responses',
    type: size,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '0',
    nginx: 'limit_rate',
    doc: 'bytes a second for each response; `0` means no limit',
  }),
  limitRateAfter: option({
    topic: 'responses',
    type: size,
    contexts: ['server', 'media', 'static', 'internal'],
    default: '0',
    nginx: 'limit_rate_after',
    doc: 'bytes of a response that are sent before `limitRate` counts',
  }),
  index: option({
    topic: 'files',
    type: fromFile<string>({ type: 'string', pattern: '^[^/]+$' }),
    contexts: ['media', 'static'],
    nginx: 'index',
    doc: 'the file that is sent for a directory, such as `index.html`; with it, a directory named without a slash is redirected to its slash',
  }),
  precompressed: option({
    topic: 'responses',
    type: fromFile<readonly ('br' | 'zst' | 'gz')[]>({ type: 'array', items: { enum: ['br', 'zst', 'gz'] } }),
    contexts: ['media', 'static', 'internal'],
    nginx: 'gzip_static',
    doc: 'siblings (`app.css.br`, `.zst`, `.gz`) that are sent in place of a file to clients that accept them; for `static` all three, for `media` and from buckets none by default; one that is more than two seconds older than its file is of another version and is left out, as is one that is not smaller',
  }),
  cacheControl: option({
    topic: 'responses',
    type: fromFile<readonly CacheRule[]>(
      {
        type: 'array',
        items: {
          type: 'object',
          properties: { match: { type: 'string' }, value: { type: 'string' } },
          required: ['match', 'value'],
          additionalProperties: false,
        },
      },
      (rules) => {
        for (const { match, value } of rules) {
          checkPattern(match);
          checkFields({ 'Cache-Control': value });
        }
      },
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'expires',
    doc: 'Cache-Control by name: a list of `{ "match": "woff2$", "value": "public, max-age=31536000" }`, a regular expression on the decoded path below the prefix; the first that matches counts, before `maxAge`; an empty value sends none',
  }),
  headers: option({
    topic: 'responses',
    type: fromFile<Readonly<Record<string, string>>>(
      { type: 'object', additionalProperties: { type: 'string' } },
      checkAddedFields,
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'add_header',
    doc: "more response fields; one that is sent by default is replaced, and removed when the value is empty, which for `Content-Security-Policy` and `X-Content-Type-Options` of uploads lets a stranger's file run as part of your site; `Content-Type` stands for all files of the location, `ETag` and `Last-Modified` can only be removed, and what the server sets for each response (`Content-Length`, `Connection`, `Date` and the like) is refused",
  }),
  cors: option({
    topic: 'responses',
    type: fromFile<'*' | readonly string[]>({
      anyOf: [{ const: '*' }, { type: 'array', items: { type: 'string', pattern: '^https?://[^/\\s]+$' } }],
    }),
    contexts: ['media', 'static', 'internal'],
    nginx: 'add_header Access-Control-Allow-Origin',
    doc: 'origins whose pages may read the files (fonts, canvas, fetch): `"*"` or a list such as `["https://app.example.com"]`; never with credentials. Refusals can be read, too, and preflights are answered before `authRequest` and `secureLink` decide; with `authRequest`, pages may send `Authorization`',
  }),
  types: option({
    topic: 'responses',
    type: fromFile<Readonly<Record<string, string>>>(
      { type: 'object', additionalProperties: { type: 'string' } },
      checkTypes,
    ),
    contexts: ['media', 'static', 'internal'],
    nginx: 'types',
    doc: 'Content-Type by extension, before the built-in table: `{ "glb": "model/gltf-binary" }`; a type given here is sent as it is, also when it makes uploads run as code',
  }),
  defaultType: option({
    topic: 'responses',
    type: fromFile<string>({ type: 'string' }, checkMediaType),
    contexts: ['media', 'static', 'internal'],
    default: 'application/octet-stream',
    nginx: 'default_type',
    doc: 'Content-Type of unknown extensions',
  }),
  charset: option({
    topic: 'responses',
    type: fromFile<string>({ type: 'string', pattern: '^[\\w.:+-]+$' }),
    contexts: ['media', 'static', 'internal'],
    default: 'utf-8',
    nginx: 'charset',
    doc: 'charset of text types; `off` for none',
  }),
  authRequest: option({
    topic: 'access',
    type: appPath,
    contexts: ['media', 'static'],
    nginx: 'auth_request',
    doc: 'a path of the app that is asked before each file, with the cookies of the client, `X-Original-URI` and `X-Original-Method`: 2xx serves the file, 401, 403 and redirects are passed on, anything else is 500',
  }),
  authCache: option({
    topic: 'access',
    type: duration,
    contexts: ['media', 'static'],
    default: '0s',
    nginx: 'proxy_cache_valid',
    doc: 'how long a 2xx from `authRequest` counts for the same file and the same client; browsers may keep the file as long',
  }),
  secureLink: option({
    topic: 'access',
    type: oneOf('hmac-sha256', 'md5'),
    contexts: ['media', 'static'],
    nginx: 'secure_link',
    doc: 'files only for signed links: `?expires=…&signature=…`, or `?expires=…&md5=…` as nginx has them; 403 for a wrong one, 410 for one that has expired',
  }),
  secureLinkSecret: option({
    topic: 'access',
    type: linkSecret,
    contexts: ['media', 'static'],
    doc: 'where the secret of the links is: `env:NAME` or `file:PATH` (a line end after it does not count)',
  }),
  secureLinkMd5: option({
    topic: 'access',
    type: linkExpression,
    contexts: ['media', 'static'],
    default: '$secure_link_expires$uri $secret',
    nginx: 'secure_link_md5',
    doc: 'what the `md5` of a link is made of',
  }),
  s3Endpoint: option({
    topic: 'buckets',
    type: endpoint,
    contexts: ['server', 'media', 'static', 'internal'],
    environment: ['AWS_S3_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
    onlyFor: 'bucket',
    doc: 'the address of a store that is not AWS, such as `https://fra1.digitaloceanspaces.com`, `http://minio:9000`, without the bucket in it',
  }),
  s3Region: option({
    topic: 'buckets',
    type: region,
    contexts: ['server', 'media', 'static', 'internal'],
    environment: ['AWS_S3_REGION_NAME', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
    onlyFor: 'bucket',
    doc: 'the region that the bucket is in, such as `eu-central-1`; a store with an endpoint of its own mostly needs none',
  }),
  s3Addressing: option({
    topic: 'buckets',
    type: oneOf('auto', 'path', 'virtual'),
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'auto',
    environment: ['AWS_S3_ADDRESSING_STYLE'],
    onlyFor: 'bucket',
    doc: "where the bucket stands in a request: in its `path`, or in front of the host's name (`virtual`); `auto` is `virtual` on AWS, but for names with a dot, and `path` elsewhere",
  }),
  s3Anonymous: option({
    topic: 'buckets',
    type: onOff,
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'off',
    onlyFor: 'bucket',
    doc: 'ask without credentials, for buckets that everybody may read: requests are not signed',
  }),
  storeMode: option({
    topic: 'buckets',
    type: oneOf('proxy', 'redirect'),
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'proxy',
    onlyFor: 'bucket',
    doc: 'who sends what is in a bucket: this server (`proxy`), or the store, to which visitors are sent with a URL that is signed for half an hour, and which they must be able to reach (`redirect`); permission is asked first',
  }),
  maxConnections: option({
    topic: 'clients',
    type: countFromOne,
    contexts: ['server'],
    nginx: 'worker_connections',
    doc: 'connections of clients that are open at once, tunnels among them, those to the app not; past it idle ones are closed, and new ones wait. By default half of the open files that the system allows (`ulimit -n`), less some to spare, and at most 16384',
  }),
  maxBody: option({
    topic: 'clients',
    type: size,
    contexts: ['server', 'upstream'],
    default: '100mb',
    nginx: 'client_max_body_size',
    doc: 'the largest request body; over it the answer is 413. `0` is no limit',
  }),
  maxRequestHead: option({
    topic: 'clients',
    type: size,
    contexts: ['server'],
    default: '32kb',
    nginx: 'large_client_header_buffers',
    doc: 'the largest head of a request, cookies and all; over it the answer is 431, or 414 when the address alone is longer. Each connection may take as much memory, and what the app takes may be less',
  }),
  maxResponseHead: option({
    topic: 'app',
    type: size,
    contexts: ['server', 'upstream'],
    default: '64kb',
    nginx: 'proxy_buffer_size',
    doc: "the largest head of an app's answer; over it the answer is 502. Each request under way may take as much memory",
  }),
  requestBuffering: option({
    topic: 'buffering',
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_request_buffering',
    doc: 'give the app a request when its body is here, so that a slow client holds no worker; off for streaming uploads',
  }),
  responseBuffering: option({
    topic: 'buffering',
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_buffering',
    doc: 'read an answer as fast as the app writes it, so that a slow client holds no worker; the app can turn it off with `X-Accel-Buffering: no`, and `text/event-stream` is never held back',
  }),
  bufferMemory: option({
    topic: 'buffering',
    type: size,
    contexts: ['server', 'upstream'],
    default: '64kb',
    nginx: 'client_body_buffer_size, proxy_buffers',
    doc: 'how much of a body is held in memory, for each request and each answer, before it goes to a temporary file',
  }),
  uploadMemory: option({
    topic: 'buffering',
    type: size,
    contexts: ['server'],
    default: '64mb',
    doc: 'memory that the bodies of all requests share, beyond the `bufferMemory` of each: what fits needs no temporary file; `0` is none',
  }),
  bufferFileLimit: option({
    topic: 'buffering',
    type: size,
    contexts: ['server', 'upstream'],
    default: '1gb',
    nginx: 'proxy_max_temp_file_size',
    doc: "how much of an answer may wait in its temporary file; beyond it the app is read at the client's pace. `0` is no file",
  }),
  spoolDir: option({
    topic: 'buffering',
    type: directory,
    contexts: ['server', 'upstream'],
    nginx: 'client_body_temp_path, proxy_temp_path',
    doc: "where the temporary files are (they have no name, so nothing is left behind); the system's temporary directory by default",
  }),
  connectTimeout: option({
    topic: 'app',
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '10s',
    nginx: 'proxy_connect_timeout',
    doc: 'how long connecting to the app may take before the answer is 504; looking up its host name has as much time for itself, where no address is known yet',
  }),
  readTimeout: option({
    topic: 'app',
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '60s',
    nginx: 'proxy_read_timeout',
    doc: 'how long the app may be silent, before its answer (then the answer is 504) or within it (then the connection is cut)',
  }),
  upstreamSendTimeout: option({
    topic: 'app',
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '60s',
    nginx: 'proxy_send_timeout',
    doc: 'how long the app may take no byte of a request body before the answer is 504',
  }),
  totalTimeout: option({
    topic: 'app',
    type: timeout,
    contexts: ['server', 'upstream'],
    doc: 'how long the app may take for a request altogether, from its first byte there to the last of the answer; off by default',
  }),
  sendTimeout: option({
    topic: 'clients',
    type: timeout,
    contexts: ['server', 'media', 'static', 'internal', 'upstream'],
    default: '60s',
    nginx: 'send_timeout, client_body_timeout',
    doc: 'how long a client may neither take nor send a byte while a response or a request body is under way',
  }),
  balance: option({
    topic: 'app',
    type: oneOf('round-robin', 'least-connections'),
    contexts: ['server', 'upstream'],
    default: 'round-robin',
    nginx: 'least_conn',
    doc: 'how requests are shared out among several servers of the app: in turn, or to the one with the fewest under way, open WebSockets among them',
  }),
  maxFails: option({
    topic: 'app',
    type: count,
    contexts: ['server', 'upstream'],
    default: '1',
    nginx: 'max_fails',
    doc: 'after how many failures, each within `failTimeout` of the one before, one of several servers is left out; `0` never',
  }),
  failTimeout: option({
    topic: 'app',
    type: timeout,
    contexts: ['server', 'upstream'],
    default: '10s',
    nginx: 'fail_timeout',
    doc: 'how long a failed server is left out before one request tries it again',
  }),
  abortOnClientClose: option({
    topic: 'app',
    type: onOff,
    contexts: ['server', 'upstream'],
    default: 'on',
    nginx: 'proxy_ignore_client_abort',
    doc: 'end a request at the app when its client leaves, or has said its last byte; off lets the app finish, and answers a client that still reads',
  }),
  errorPage: option({
    topic: 'clients',
    type: listOf(errorPage),
    contexts: ['server'],
    nginx: 'error_page',
    doc: 'a page of your own for an error status, such as `502=./pages/502.html`; may be repeated',
  }),
  trustProxy: option({
    topic: 'listening',
    type: networks,
    contexts: ['server'],
    nginx: 'set_real_ip_from',
    doc: 'the proxies in front of this server whose `X-Forwarded-*` and `Forwarded` count: `10.0.0.0/8`, `192.0.2.1`, `loopback`, `private`, `unix`; none by default',
  }),
  proxyProtocol: option({
    topic: 'listening',
    type: onOff,
    contexts: ['server'],
    default: 'off',
    nginx: 'listen … proxy_protocol',
    doc: 'every connection begins with a PROXY protocol header, version 1 or 2, as load balancers send it',
  }),
  keepAliveTimeout: option({
    topic: 'clients',
    type: timeout,
    contexts: ['server'],
    default: '75s',
    nginx: 'keepalive_timeout',
    doc: 'how long a connection of a client may be idle between two requests; a load balancer in front must close first, so longer than its own time (Google: 600s); `0` closes it after each answer',
  }),
  shutdownTimeout: option({
    topic: 'process',
    type: timeout,
    contexts: ['server'],
    default: '30s',
    nginx: 'worker_shutdown_timeout',
    doc: 'how long requests under way may take to finish after SIGTERM or SIGINT',
  }),
  logLevel: option({
    topic: 'process',
    type: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    contexts: ['server'],
    default: 'info',
    nginx: 'error_log',
    doc: 'the least important log line to write: `trace`, `debug`, `info` (with a line for each request), `warn`, `error`, `fatal`, `silent`',
  }),
  logFormat: option({
    topic: 'process',
    type: oneOf('json', 'pretty'),
    contexts: ['server'],
    nginx: 'log_format',
    doc: 'one JSON object a line, or text for people; `pretty` when the output is a terminal, else `json`',
  }),
};

/** Name of an option: camelCase here and in the file, `--kebab-case` as a flag. */
export type OptionName = keyof typeof OPTIONS;

/** The parsed value of an option. */
export type OptionValue<N extends OptionName> = ReturnType<(typeof OPTIONS)[N]['type']['parse']>;

/** The table as a list of rows with their names. */
export const OPTION_LIST = Object.entries(OPTIONS) as [OptionName, Option<unknown>][];

/** The rows under the titles of their topics, as they are shown. */
export const OPTIONS_BY_TOPIC = Object.entries(TOPICS).map(([topic, title]) => ({
  title,
  rows: OPTION_LIST.filter(([, row]) => row.topic === topic),
}));

/** `maxAge` → `--max-age`. */
export function flagOf(name: OptionName): string {
  return `--${kebab(name)}`;
}

/** The flag that changes the default: `--max-age`, and `--no-request-buffering` for what is on by default. */
export function documentedFlagOf(name: OptionName): string {
  const row: Option<unknown> = OPTIONS[name];
  return isSwitch(row) && row.default === 'on' ? `--no-${kebab(name)}` : flagOf(name);
}

/** True for options that are on or off. */
export function isSwitch(row: Option<unknown>): boolean {
  return row.type.placeholder === '';
}

/** `maxAge` → `MEDIA_SERVE_MAX_AGE`, followed by the other names it has. */
export function environmentOf(name: OptionName): readonly string[] {
  const others: Option<unknown> = OPTIONS[name];
  return [`MEDIA_SERVE_${kebab(name).replaceAll('-', '_').toUpperCase()}`, ...(others.environment ?? [])];
}

/** Whether flag and environment know the option; the others stand only in a location of the config file. */
export function isOnCommandLine(row: Option<unknown>): boolean {
  return row.contexts.includes('command') || row.contexts.includes('server');
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
