// Rows for what is said of the app (proxy_*) and of the programs that speak another protocol.
import { alwaysSo, changed, kept, notNeeded, notSupported, type Row, type Translate } from '../rows.js';
import { EVERYWHERE, HTTP, LOCATION, lastOf, onlyAt, valueFor } from './row.js';
import { setHeader } from './set-header.js';
import { bytesOf, hasVariable, showBytes } from './values.js';

/** What is said to start gunicorn, wherever the app is reached by another protocol. */
export const START_GUNICORN =
  'start gunicorn (gunicorn mysite.wsgi --bind 127.0.0.1:8000) and write proxy_pass http://127.0.0.1:8000; in its place, or add --upstream :8000';

const bodySize: Translate = ({ args: [text = ''] }) => {
  const bytes = bytesOf(text);
  if (bytes === undefined || hasVariable(text)) return notSupported('write maxBody by hand');
  const maxBody = bytes === 0 ? '0' : showBytes(bytes);
  return kept(`maxBody: ${maxBody}`, { maxBody });
};

/** Protocols between nginx and an app that are not spoken here. */
const OTHER_PROTOCOLS = ['uwsgi', 'fastcgi', 'scgi', 'grpc', 'memcached'];

/** What their directives are called, after the protocol; not each has all of them. */
const OF_A_PROTOCOL =
  `param send_timeout connect_timeout buffering buffers buffer_size busy_buffers_size request_buffering max_temp_file_size temp_path temp_file_write_size ignore_client_abort intercept_errors pass_header hide_header ignore_headers cache cache_path cache_valid cache_key cache_bypass no_cache cache_background_update cache_lock cache_lock_age cache_lock_timeout cache_max_range_offset cache_methods cache_min_uses cache_revalidate cache_use_stale next_upstream next_upstream_timeout next_upstream_tries index split_path_info keep_conn pass_request_headers pass_request_body bind force_ranges limit_rate socket_keepalive store store_access send_lowat catch_stderr string modifier1 modifier2 set_header ssl_certificate ssl_certificate_key ssl_ciphers ssl_conf_command ssl_crl ssl_name ssl_password_file ssl_protocols ssl_server_name ssl_session_reuse ssl_trusted_certificate ssl_verify ssl_verify_depth gzip_flag read_timeout`.split(
    ' ',
  );

export const ROWS_FOR_APP: readonly Row[] = [
  {
    names: ['proxy_pass'],
    within: [...LOCATION, 'if', 'limit_except'],
    isLocal: true,
    doc: 'a location of the kind `upstream`; the path must stay as it is',
    examples: [
      ['`location / { proxy_pass http://app:8000; }`', '`--upstream app:8000`'],
      ['`proxy_pass http://unix:/run/app.sock;`', '`--upstream unix:/run/app.sock`'],
    ],
  },
  {
    names: ['upstream'],
    within: HTTP,
    isLocal: true,
    doc: 'the list of addresses in `upstream`',
    examples: [
      ['`upstream app { server a:8000; server b:8000 backup; }`', '`--upstream "a:8000,b:8000 backup"`'],
    ],
  },
  {
    names: ['least_conn', 'ip_hash', 'hash', 'random', 'sticky', 'keepalive', 'zone', 'queue', 'ntlm'],
    within: ['upstream'],
    doc: '`balance` for `least_conn`; connections are kept always; others: requests go to the servers in turn',
  },
  {
    names: ['uwsgi_pass', 'fastcgi_pass', 'scgi_pass'],
    within: [...LOCATION, 'if'],
    isLocal: true,
    says: notSupported(`this protocol is not spoken here; ${START_GUNICORN}`),
    doc: 'the app is reached by HTTP: start gunicorn',
  },
  {
    names: ['grpc_pass', 'memcached_pass'],
    within: [...LOCATION, 'if'],
    isLocal: true,
    says: notSupported('this protocol is not spoken here'),
    doc: 'not supported',
  },
  {
    names: ['proxy_set_header'],
    within: EVERYWHERE,
    app: setHeader,
    doc: 'Host, X-Forwarded-*, X-Real-IP, Upgrade and Connection are sent always; others have no counterpart',
    examples: [['`proxy_set_header Host $host;` and `X-Forwarded-*`, `X-Real-IP`', 'always']],
  },
  {
    names: ['proxy_http_version'],
    within: EVERYWHERE,
    says: alwaysSo('HTTP/1.1'),
    doc: '1.1 always',
    examples: [['`proxy_http_version 1.1;` with `Upgrade` and `Connection`', 'always']],
  },
  {
    names: ['proxy_redirect'],
    within: EVERYWHERE,
    app: ({ args: [first] }) => {
      if (first === 'default') return alwaysSo();
      if (first === 'off')
        return notNeeded("of Location only the app's own address becomes a path; all else stays");
      return notSupported(
        "only the app's own address is taken out of Location; let the app know its public name",
      );
    },
    doc: '`default` always',
    examples: [
      [
        '`proxy_redirect default;` (what an app says of its own address in Location and Refresh is a path here)',
        'always',
      ],
    ],
  },
  {
    names: ['client_max_body_size'],
    within: EVERYWHERE,
    app: bodySize,
    files: () => notNeeded('files take no bodies'),
    doc: '`maxBody`',
    examples: [['`client_max_body_size 100m;`', "`--max-body 100mb` (nginx's default is 1 MB)"]],
  },
  {
    names: ['proxy_connect_timeout'],
    within: EVERYWHERE,
    app: valueFor('connectTimeout', 'time'),
    doc: '`connectTimeout`',
    examples: [
      [
        '`proxy_connect_timeout`, `proxy_read_timeout`, `proxy_send_timeout`',
        '`--connect-timeout`, `--read-timeout`, `--upstream-send-timeout`',
      ],
    ],
  },
  {
    names: ['proxy_read_timeout'],
    within: EVERYWHERE,
    app: valueFor('readTimeout', 'time'),
    doc: '`readTimeout`',
  },
  {
    names: ['proxy_send_timeout'],
    within: EVERYWHERE,
    app: valueFor('upstreamSendTimeout', 'time'),
    doc: '`upstreamSendTimeout`',
  },
  {
    names: ['proxy_buffering'],
    within: EVERYWHERE,
    app: valueFor('responseBuffering', 'switch'),
    doc: '`responseBuffering`',
    examples: [
      [
        '`proxy_buffering off;`, `proxy_request_buffering off;`',
        '`--no-response-buffering`, `--no-request-buffering`',
      ],
    ],
  },
  {
    names: ['proxy_request_buffering'],
    within: EVERYWHERE,
    app: valueFor('requestBuffering', 'switch'),
    doc: '`requestBuffering`',
  },
  {
    names: ['proxy_max_temp_file_size'],
    within: EVERYWHERE,
    app: valueFor('bufferFileLimit', 'size'),
    doc: '`bufferFileLimit`',
  },
  {
    names: ['proxy_buffer_size'],
    within: EVERYWHERE,
    app: ({ args: [text] }) => {
      const bytes = bytesOf(text);
      if (bytes === undefined) return notSupported('write maxResponseHead by hand');
      // Ours is 64 KiB, and most write this line since nginx's 4 or 8 were too few.
      if (bytes <= 64 * 1024) return notNeeded('maxResponseHead is 64kb');
      return kept(`maxResponseHead: ${showBytes(bytes)}`, { maxResponseHead: showBytes(bytes) });
    },
    doc: '`maxResponseHead`',
  },
  {
    names: ['proxy_ignore_client_abort'],
    within: EVERYWHERE,
    app: onlyAt('on', kept('abortOnClientClose: false', { abortOnClientClose: false }), alwaysSo()),
    doc: '`abortOnClientClose: false`',
  },
  {
    names: ['proxy_next_upstream', 'proxy_next_upstream_timeout', 'proxy_next_upstream_tries'],
    within: EVERYWHERE,
    app: () =>
      changed(
        'another server is asked where a request has reached none, or may be repeated; nothing else is counted',
      ),
    doc: 'as by default: where a request has reached no server, or may be repeated',
  },
  {
    names: ['proxy_intercept_errors'],
    within: EVERYWHERE,
    app: onlyAt(
      'off',
      alwaysSo(),
      notSupported("the app's own error pages are passed on; in Django: the templates 404.html, 500.html"),
    ),
    doc: 'off always',
  },
  {
    names: ['proxy_ignore_headers'],
    within: EVERYWHERE,
    app: ({ args }) =>
      args.some((name) => /^x-accel-redirect$/i.test(name))
        ? notSupported(
            'X-Accel-Redirect IS OBEYED all the same: the app can have files of internal locations handed out',
          )
        : notSupported("the app's fields are obeyed and passed on as they are"),
    doc: "not supported: the app's fields are obeyed",
  },
  {
    names: ['proxy_hide_header', 'proxy_cookie_path', 'proxy_cookie_domain', 'proxy_cookie_flags'],
    within: EVERYWHERE,
    says: notSupported("the app's fields are passed on as they are; have the app send others"),
    doc: "not supported: the app's fields are passed on",
  },
  {
    names: [
      'proxy_pass_header',
      'proxy_pass_request_headers',
      'proxy_pass_request_body',
      'proxy_force_ranges',
      'proxy_method',
      'proxy_set_body',
      'proxy_bind',
      'proxy_http_version_override',
    ],
    within: EVERYWHERE,
    // Beside an auth_request they are usual, and are spoken of there.
    app: () => notSupported('requests and answers are passed on as they are'),
    doc: 'not supported: requests and answers are passed on as they are',
  },
  {
    names: [
      'proxy_cache',
      'proxy_cache_path',
      'proxy_cache_valid',
      'proxy_cache_key',
      'proxy_cache_methods',
      'proxy_cache_use_stale',
      'proxy_cache_lock',
      'proxy_cache_lock_timeout',
      'proxy_cache_lock_age',
      'proxy_cache_revalidate',
      'proxy_cache_min_uses',
      'proxy_cache_background_update',
      'proxy_cache_convert_head',
      'proxy_cache_max_range_offset',
      'proxy_store',
      'proxy_store_access',
    ],
    within: EVERYWHERE,
    says: notSupported("the app's answers are not kept; in Django: the cache framework"),
    doc: 'not supported: the answers of the app are not kept',
  },
  {
    names: ['proxy_cache_bypass', 'proxy_no_cache'],
    within: EVERYWHERE,
    app: (_, { holding }) =>
      lastOf(holding, 'proxy_cache') === undefined
        ? notNeeded('without proxy_cache no answer is kept')
        : notSupported("the app's answers are not kept; in Django: the cache framework"),
    doc: 'not supported: the answers of the app are not kept',
  },
  {
    names: [
      'proxy_buffers',
      'proxy_busy_buffers_size',
      'proxy_temp_file_write_size',
      'proxy_temp_path',
      'client_body_buffer_size',
      'client_body_temp_path',
      'client_body_in_file_only',
      'client_body_in_single_buffer',
      'proxy_headers_hash_max_size',
      'proxy_headers_hash_bucket_size',
      'proxy_socket_keepalive',
      'proxy_send_lowat',
      'proxy_limit_rate',
    ],
    says: notNeeded('bodies wait in memory and in temporary files (bufferMemory, spoolDir)'),
    doc: 'not needed: `bufferMemory`, `spoolDir`',
  },
  {
    names: [
      'proxy_ssl_verify',
      'proxy_ssl_server_name',
      'proxy_ssl_name',
      'proxy_ssl_certificate',
      'proxy_ssl_certificate_key',
      'proxy_ssl_trusted_certificate',
      'proxy_ssl_protocols',
      'proxy_ssl_ciphers',
      'proxy_ssl_session_reuse',
      'proxy_ssl_verify_depth',
      'proxy_ssl_crl',
      'proxy_ssl_conf_command',
      'proxy_ssl_password_file',
    ],
    within: EVERYWHERE,
    says: notNeeded('the app is reached without TLS'),
    doc: 'the app is reached without TLS',
  },
  {
    names: ['uwsgi_read_timeout', 'fastcgi_read_timeout', 'scgi_read_timeout'],
    within: EVERYWHERE,
    app: valueFor('readTimeout', 'time'),
    doc: '`readTimeout`, of the app that gunicorn is to serve',
  },
  {
    names: OTHER_PROTOCOLS.flatMap((protocol) =>
      OF_A_PROTOCOL.filter(
        (rest) => rest !== 'read_timeout' || protocol === 'grpc' || protocol === 'memcached',
      ).map((rest) => `${protocol}_${rest}`),
    ),
    shown: '`uwsgi_…`, `fastcgi_…`, `scgi_…`, `grpc_…`, `memcached_…`: all others',
    says: notNeeded('it belongs to a protocol that is not spoken here (see the _pass line)'),
    doc: 'belongs to a protocol that is not spoken here',
  },
];
