// Rows for what is said of the server: addresses, connections, clients, proxies in front, logs.

import { parseNetwork } from '../../config/network.js';
import {
  alwaysSo,
  changed,
  kept,
  notNeeded,
  notSupported,
  type Outcome,
  type Row,
  type Translate,
} from '../rows.js';
import { EVERYWHERE, HTTP, HTTP_SERVER, lastOf, onlyAt, SERVER, valueFor } from './row.js';
import { bytesOf, showBytes, timeOf } from './values.js';

const ELSEWHERE = 'TLS ends in front of this server';

const trusted: Translate = ({ args: [text = ''] }) => {
  const network = text === 'unix:' ? 'unix' : text;
  try {
    parseNetwork(network);
  } catch {
    return notSupported('only addresses and networks can be named; write trustProxy by hand');
  }
  return kept(`trustProxy: ${network}`, { trustProxy: [network] });
};

const realIpHeader: Translate = ({ args: [name = ''] }): Outcome => {
  const lower = name.toLowerCase();
  if (lower === 'x-forwarded-for') return alwaysSo('from those whom trustProxy names');
  if (lower === 'proxy_protocol') return alwaysSo('where proxyProtocol is on');
  if (lower === 'x-real-ip')
    return changed('X-Forwarded-For is read, which the proxies that send X-Real-IP send, too');
  return notSupported('X-Forwarded-For and Forwarded are read, and no other field');
};

const bodyTimeout: Translate = (directive, here) => {
  const { holding } = here;
  const time = timeOf(directive.args[0]);
  const other = lastOf(holding, 'send_timeout');
  if (other === undefined) return valueFor('sendTimeout', 'time')(directive, here);
  return timeOf(other.args[0]) === time
    ? kept('sendTimeout, with send_timeout')
    : changed('one option stands for both: sendTimeout, as send_timeout has it');
};

const headBuffers: Translate = ({ args: [count, size] }) => {
  const bytes = Number(count) * (bytesOf(size) ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) return notSupported('write maxRequestHead by hand');
  if (bytes <= 32 * 1024) return notNeeded('maxRequestHead is 32kb for all of a head');
  return kept(`maxRequestHead: ${showBytes(bytes)}`, { maxRequestHead: showBytes(bytes) });
};

export const ROWS_FOR_SERVER: readonly Row[] = [
  {
    names: ['http', 'server', 'location'],
    doc: 'one server is served; a location with a prefix is one here: `location /x` is `/x/`, and where `^~`, `=`, `~` or `@` stands, see the report',
    examples: [
      ['a second `location … { alias … }`', '`--mount /more/=/srv/more`'],
      [
        '`location /media`, `location ^~ /media/`',
        "`/media/`: a prefix ends at a slash (`/media-old/` and `/media` are the app's), and the longest wins",
      ],
      ['`location = /robots.txt`', 'no match of one name: the app, or a file under a prefix'],
      ['`location ~* \\.(jpg|png)$ { expires 1d; }`', '`cacheControl` in the config file; no other patterns'],
      [
        '`location ~ /\\. { deny all; }`',
        'always, except `.well-known`, `.thumbnails` and what `--dotfiles` names',
      ],
    ],
  },
  {
    names: ['include'],
    isLocal: true,
    says: kept('what the files say, in its place'),
    doc: 'read in its place',
  },
  {
    names: ['listen'],
    within: SERVER,
    isLocal: true,
    doc: '`listen`; with `ssl` the site answers in plain HTTP where `--listen` says',
    examples: [
      ['`listen 8080;`', '`--listen :8080`'],
      ['`listen 8080 proxy_protocol;`', '`--proxy-protocol`'],
    ],
  },
  {
    names: ['server_name'],
    within: SERVER,
    isLocal: true,
    says: notNeeded(
      "requests for all names are answered; Django's ALLOWED_HOSTS refuses those that are not its own",
    ),
    doc: "all names are answered; Django's ALLOWED_HOSTS decides",
  },
  {
    names: ['set_real_ip_from'],
    within: EVERYWHERE,
    site: trusted,
    doc: '`trustProxy`',
    examples: [['`set_real_ip_from 10.0.0.0/8;` with `real_ip_recursive on;`', '`--trust-proxy 10.0.0.0/8`']],
  },
  { names: ['real_ip_header'], within: EVERYWHERE, site: realIpHeader, doc: '`X-Forwarded-For` always' },
  {
    names: ['real_ip_recursive'],
    within: EVERYWHERE,
    site: onlyAt('on', alwaysSo(), changed('the chain is read as far as its proxies are trusted')),
    doc: 'on always',
  },
  {
    names: ['keepalive_timeout'],
    within: [...EVERYWHERE, 'upstream'],
    site: valueFor('keepAliveTimeout', 'time'),
    doc: '`keepAliveTimeout`',
  },
  {
    names: ['send_timeout'],
    within: EVERYWHERE,
    files: valueFor('sendTimeout', 'time'),
    app: valueFor('sendTimeout', 'time'),
    doc: '`sendTimeout`',
    examples: [['`send_timeout`, `client_body_timeout`', '`--send-timeout`']],
  },
  {
    names: ['client_body_timeout'],
    within: EVERYWHERE,
    app: bodyTimeout,
    files: () => notNeeded('files take no bodies'),
    doc: '`sendTimeout`',
  },
  {
    names: ['client_header_timeout'],
    within: HTTP_SERVER,
    says: notNeeded('a head has its time here, too'),
    doc: 'a time of its own, always',
  },
  {
    names: ['large_client_header_buffers'],
    within: HTTP_SERVER,
    site: headBuffers,
    doc: '`maxRequestHead`',
  },
  {
    names: [
      'client_header_buffer_size',
      'connection_pool_size',
      'request_pool_size',
      'keepalive_requests',
      'keepalive_time',
      'keepalive_disable',
      'keepalive_min_timeout',
      'reset_timedout_connection',
      'lingering_close',
      'lingering_time',
      'lingering_timeout',
      'send_lowat',
      'server_names_hash_bucket_size',
      'server_names_hash_max_size',
      'variables_hash_bucket_size',
      'variables_hash_max_size',
      'map_hash_bucket_size',
      'map_hash_max_size',
      'port_in_redirect',
      'server_name_in_redirect',
      'absolute_redirect',
      'msie_padding',
      'msie_refresh',
      'chunked_transfer_encoding',
      'log_not_found',
      'log_subrequest',
      'recursive_error_pages',
      'early_hints',
    ],
    says: notNeeded('it is settled here'),
    doc: 'not needed',
  },
  {
    names: ['server_tokens', 'more_clear_headers'],
    within: EVERYWHERE,
    says: alwaysSo('no field Server is sent'),
    doc: 'no field Server is sent',
  },
  {
    names: ['merge_slashes', 'underscores_in_headers', 'ignore_invalid_headers', 'max_headers'],
    within: HTTP_SERVER,
    site: ({ name, args: [value] }) =>
      (name === 'underscores_in_headers') === (value === 'on')
        ? changed(
            name === 'merge_slashes'
              ? 'slashes are merged to find the location; the app gets the path as it came'
              : 'names with an underscore do not reach the app, as WSGI takes X_Y for X-Y',
          )
        : alwaysSo(),
    doc: "as nginx's defaults, always",
  },
  {
    names: ['access_log', 'log_format', 'open_log_file_cache'],
    says: notNeeded('a line for each request goes to standard output (logLevel, logFormat)'),
    doc: 'the log goes to standard output: `logLevel`, `logFormat`',
  },
  {
    names: ['error_log'],
    says: notNeeded('errors go to standard output (logLevel)'),
    doc: 'the log goes to standard output: `logLevel`',
  },
  {
    names: ['map'],
    within: HTTP,
    isLocal: true,
    doc: '`map $http_upgrade $connection_upgrade` always; others have no counterpart',
  },
  {
    names: [
      'geo',
      'split_clients',
      'ancient_browser',
      'ancient_browser_value',
      'modern_browser',
      'modern_browser_value',
      'userid_domain',
      'userid_expires',
      'userid_flags',
      'userid_mark',
      'userid_name',
      'userid_p3p',
      'userid_path',
      'userid_service',
      'geoip_country',
      'geoip_city',
      'geoip2',
      'userid',
      'js_import',
      'js_path',
      'js_set',
      'js_content',
      'perl',
      'perl_set',
      'perl_modules',
      'lua_package_path',
      'lua_shared_dict',
      'content_by_lua_block',
      'access_by_lua_block',
      'set_by_lua_block',
      'rewrite_by_lua_block',
      'header_filter_by_lua_block',
      'init_by_lua_block',
    ],
    says: notSupported('there are no variables and no programs in the configuration here'),
    doc: 'not supported',
  },
  {
    names: [
      'limit_req',
      'limit_req_zone',
      'limit_req_status',
      'limit_req_log_level',
      'limit_req_dry_run',
      'limit_conn',
      'limit_conn_zone',
      'limit_conn_status',
      'limit_conn_dry_run',
      'limit_conn_log_level',
      'limit_zone',
    ],
    within: EVERYWHERE,
    says: notSupported(
      'requests are not counted here; let the proxy in front do it, or the app (django-ratelimit, django-axes)',
    ),
    doc: 'not supported: the app or the proxy in front counts requests',
  },
  {
    names: [
      'return',
      'rewrite',
      'set',
      'if',
      'break',
      'rewrite_log',
      'uninitialized_variable_warn',
      'referer_hash_max_size',
      'referer_hash_bucket_size',
      'valid_referers',
    ],
    isLocal: true,
    doc: 'not supported yet, but for `return 403` and its like',
  },
  {
    names: ['stub_status', 'status_zone', 'api', 'status'],
    says: notSupported('there is no page of numbers; the log has a line for each request'),
    doc: 'not supported',
  },
  {
    names: ['resolver', 'resolver_timeout'],
    within: [...EVERYWHERE, 'upstream'],
    says: alwaysSo("names of the app are looked up by the system's own name servers, again and again"),
    doc: 'always',
    examples: [['`server app:8000 resolve;` with `resolver` and `zone`', '`--upstream app:8000`']],
  },
  {
    names: [
      'ssl',
      'ssl_certificate',
      'ssl_certificate_key',
      'ssl_protocols',
      'ssl_ciphers',
      'ssl_prefer_server_ciphers',
      'ssl_session_cache',
      'ssl_session_timeout',
      'ssl_session_tickets',
      'ssl_session_ticket_key',
      'ssl_dhparam',
      'ssl_ecdh_curve',
      'ssl_stapling',
      'ssl_stapling_verify',
      'ssl_trusted_certificate',
      'ssl_buffer_size',
      'ssl_early_data',
      'ssl_password_file',
      'ssl_reject_handshake',
      'ssl_conf_command',
      'ssl_stapling_file',
      'ssl_stapling_responder',
      'http2',
      'http2_push',
      'http2_body_preread_size',
      'http2_max_concurrent_pushes',
      'http2_pool_size',
      'http2_recv_buffer_size',
      'http2_streams_index_size',
      'http2_push_preload',
      'http2_max_concurrent_streams',
      'http2_max_field_size',
      'http2_max_header_size',
      'http2_idle_timeout',
      'http2_chunk_size',
      'http2_max_requests',
      'http2_recv_timeout',
      'http3',
      'http3_hq',
      'quic_retry',
      'quic_gso',
      'acme_certificate',
      'acme_issuer',
    ],
    says: notNeeded(ELSEWHERE),
    doc: 'TLS ends in front of this server',
  },
  {
    names: [
      'ssl_verify_client',
      'ssl_client_certificate',
      'ssl_verify_depth',
      'ssl_crl',
      'ssl_ocsp',
      'ssl_ocsp_cache',
      'ssl_ocsp_responder',
    ],
    within: HTTP_SERVER,
    says: notSupported(
      'whoever ends TLS must ask for the certificates of clients: here they are not asked for, and IT IS OPEN to those who have none',
    ),
    doc: 'not supported: who ends TLS asks for certificates',
  },
  {
    names: ['worker_connections'],
    says: notNeeded('there are as many as open files allow (maxConnections)'),
    doc: 'as many as open files allow: `maxConnections`',
    examples: [['`worker_connections 1024;`', '`--max-connections 1024`, of clients alone']],
  },
  {
    names: ['user'],
    says: notNeeded('start it as the user it is to be, who must be able to read the files'),
    doc: 'start it as the user it is to be',
  },
  {
    names: [
      'events',
      'worker_processes',
      'worker_rlimit_nofile',
      'worker_rlimit_core',
      'worker_priority',
      'worker_cpu_affinity',
      'worker_shutdown_timeout',
      'worker_aio_requests',
      'multi_accept',
      'accept_mutex',
      'accept_mutex_delay',
      'use',
      'debug_connection',
      'pid',
      'lock_file',
      'epoll_events',
      'daemon',
      'master_process',
      'load_module',
      'env',
      'pcre_jit',
      'timer_resolution',
      'working_directory',
      'debug_points',
      'ssl_engine',
      'ssl_object_cache_inheritable',
    ],
    says: notNeeded('it is one process, and needs none of it'),
    doc: 'not needed',
  },
  {
    names: ['stream', 'mail', 'google_perftools_profiles', 'rtmp'],
    says: notSupported('HTTP alone is spoken here'),
    doc: 'not supported: HTTP alone',
  },
  {
    names: [
      'more_set_headers',
      'more_set_input_headers',
      'more_clear_input_headers',
      'headers_more',
      'echo',
      'pagespeed',
      'modsecurity',
      'modsecurity_rules_file',
      'naxsi',
      'SecRulesEnabled',
      'passenger_enabled',
      'passenger_root',
      'passenger_app_root',
      'upload_pass',
      'push_stream_channels_path',
      'proxy_protocol_timeout',
      'auth_request_set',
      'auth_basic_delay',
      'auth_delay',
      'secure_link_secret',
      'session_log',
      'hls',
      'health_check',
      'match',
    ],
    says: notSupported('nothing here stands for this module'),
    doc: 'not supported',
  },
];
