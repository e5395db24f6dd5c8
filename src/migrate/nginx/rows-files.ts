// Rows for what is said of files.
import { alwaysSo, changed, kept, notNeeded, notSupported, type Row } from '../rows.js';
import { addHeader, addHeaderToApp } from './added-headers.js';
import { expires, expiresOfApp } from './caching.js';
import { EVERYWHERE, LOCATION, onlyAt, SERVER_LOCATION, valueFor, whenOn } from './row.js';
import { defaultType, types } from './types.js';
import { hasVariable } from './values.js';

const OF_FILES = notNeeded('the app answers here, and nothing from disk');

export const ROWS_FOR_FILES: readonly Row[] = [
  {
    names: ['alias'],
    within: LOCATION,
    isLocal: true,
    doc: 'the directory of a location',
    examples: [['`location /media/ { alias /srv/media/; }`', '`--root /srv/media --url /media/`']],
  },
  {
    names: ['root'],
    within: EVERYWHERE,
    doc: "the directory of a location is this with the location's prefix",
    examples: [['`location /static/ { root /srv/www; }`', '`--static-root /srv/www/static`']],
  },
  {
    names: ['index'],
    within: EVERYWHERE,
    files: ({ args }) => {
      const [first = ''] = args;
      if (hasVariable(first) || first.startsWith('/'))
        return notSupported('only the name of a file can be an index');
      const set = { index: first };
      return args.length === 1
        ? kept(`index: ${first}`, set)
        : changed(`of several names the first alone counts: ${first}`, set);
    },
    app: () => OF_FILES,
    doc: '`index` of the location',
    examples: [['`index index.html;`', '`index` in the config file']],
  },
  {
    names: ['autoindex'],
    within: EVERYWHERE,
    files: onlyAt(
      'off',
      alwaysSo(),
      notSupported('directories are never listed; let a view of the app do it'),
    ),
    app: () => OF_FILES,
    doc: 'off always; directories are never listed',
  },
  {
    names: ['expires'],
    within: EVERYWHERE,
    files: expires,
    app: expiresOfApp,
    doc: '`maxAge`, or `cacheControl`',
    examples: [
      ['`expires 1h;`', '`--max-age 1h`'],
      ['`expires max;` for hashed static names', "by itself for Django's `name.0123456789ab.css`"],
    ],
  },
  {
    names: ['add_header'],
    within: EVERYWHERE,
    files: addHeader,
    app: addHeaderToApp,
    doc: "`headers`, `cors` or `cacheControl` of files; the app's answers get none",
    examples: [['`add_header X-Content-Type-Options nosniff;`', 'always']],
  },
  {
    names: ['types'],
    within: EVERYWHERE,
    files: types,
    app: () => OF_FILES,
    doc: '`types`, in addition to the built-in table',
  },
  {
    names: ['default_type'],
    within: EVERYWHERE,
    files: defaultType,
    app: () => OF_FILES,
    doc: '`defaultType`',
  },
  {
    names: ['charset'],
    within: EVERYWHERE,
    files: ({ args: [value = ''] }) => {
      if (!/^[\w.:+-]+$/.test(value)) return changed('a charset with a variable in it is not kept: utf-8');
      return kept(`charset: ${value}`, { charset: value });
    },
    app: onlyAt('off', alwaysSo(), changed("the app's own types stay as they are; Django names its charset")),
    doc: "`charset` of files; the app's answers are not marked",
  },
  {
    names: ['etag'],
    within: EVERYWHERE,
    files: onlyAt('on', alwaysSo(), kept('headers: no ETag', { headers: { ETag: '' } })),
    app: () => OF_FILES,
    doc: 'on always; `off` is `"headers": { "ETag": "" }`',
  },
  {
    names: ['if_modified_since'],
    within: EVERYWHERE,
    files: onlyAt(
      'before',
      alwaysSo(),
      changed('a date later than that of the file counts too (RFC 9110 §13.1.3)'),
    ),
    app: () => OF_FILES,
    doc: '`before`, as RFC 9110 has it',
  },
  {
    names: ['internal'],
    within: LOCATION,
    isLocal: true,
    doc: 'a location of the kind `internal`',
    examples: [
      [
        '`location /protected/ { internal; alias /srv/protected/; }`',
        '`--internal /protected/=/srv/protected`',
      ],
    ],
  },
  {
    names: ['try_files'],
    within: SERVER_LOCATION,
    isLocal: true,
    doc: '`$uri =404` always; `$uri @app` is the app alone; others have no counterpart yet',
    examples: [
      ['`try_files $uri =404;`', 'always'],
      ['`try_files $uri @app;`', 'not done: what is missing below a prefix is 404, and the app is not asked'],
    ],
  },
  {
    names: ['limit_rate'],
    within: EVERYWHERE,
    files: valueFor('limitRate', 'size'),
    app: () => notSupported("the pace of the app's answers is not limited"),
    doc: '`limitRate` of files',
    examples: [['`limit_rate 1m; limit_rate_after 10m;`', '`--limit-rate 1mb --limit-rate-after 10mb`']],
  },
  {
    names: ['limit_rate_after'],
    within: EVERYWHERE,
    files: valueFor('limitRateAfter', 'size'),
    app: () => notNeeded("the pace of the app's answers is not limited"),
    doc: '`limitRateAfter` of files',
  },
  {
    names: ['max_ranges'],
    within: EVERYWHERE,
    files: valueFor('maxRanges', 'number'),
    app: () => OF_FILES,
    doc: '`maxRanges`',
  },
  {
    names: ['disable_symlinks'],
    within: EVERYWHERE,
    files: ({ args: [value] }) => {
      if (value === 'on') return kept('symlinks: never', { symlinks: 'never' });
      if (value === 'off')
        return changed('links lead no further than the root; symlinks: "follow" lets them');
      return changed('whoever owns them, links are followed within the root, and not out of it');
    },
    app: () => OF_FILES,
    doc: '`symlinks: "never"`; without it links are followed within the root',
    examples: [['`disable_symlinks on;`', '`--symlinks never`']],
  },
  {
    names: ['sendfile'],
    within: EVERYWHERE,
    files: onlyAt(
      'off',
      kept('sendfile: false', { sendfile: false }),
      kept('sendfile, which is the default'),
    ),
    app: () => OF_FILES,
    doc: '`sendfile`',
  },
  {
    names: ['gzip_static'],
    within: EVERYWHERE,
    files: whenOn('precompressed', ['gz'], notNeeded('')),
    app: () => OF_FILES,
    doc: '`precompressed`; on for static files',
    examples: [['`gzip_static on;`, `brotli_static on;`', 'on for static files (`precompressed`)']],
  },
  {
    names: ['brotli_static'],
    within: EVERYWHERE,
    files: whenOn('precompressed', ['br'], notNeeded('')),
    app: () => OF_FILES,
    doc: '`precompressed`; on for static files',
  },
  {
    names: ['gzip', 'brotli'],
    within: [...EVERYWHERE, 'if'],
    files: onlyAt(
      'off',
      alwaysSo(),
      notSupported(
        'nothing is compressed on the way; siblings (.br, .gz) are sent, as whitenoise or a build makes them',
      ),
    ),
    app: onlyAt(
      'off',
      alwaysSo(),
      notSupported(
        'nothing is compressed on the way; in Django: GZipMiddleware, where no secret is in the page',
      ),
    ),
    doc: 'nothing is compressed on the way; siblings `.br`, `.gz` are sent',
  },
  {
    names: ['error_page'],
    within: EVERYWHERE,
    doc: '`errorPage`, where it is a file',
    examples: [['`error_page 502 /502.html;`', '`--error-page 502=./502.html`']],
  },
  {
    names: ['auth_request'],
    within: EVERYWHERE,
    doc: '`authRequest` of files, where the app answers it',
    examples: [['`auth_request`, `secure_link_md5`', '`authRequest`, `secureLink` in the config file']],
  },
  {
    names: ['secure_link', 'secure_link_md5'],
    within: EVERYWHERE,
    doc: '`secureLink: "md5"` and `secureLinkMd5`',
  },
  {
    names: ['allow', 'deny'],
    within: [...EVERYWHERE, 'limit_except'],
    doc: '`deny all` is the kind `denied`; what lets some in alone is closed to all',
    examples: [
      [
        '`location /media/private/ { deny all; }`',
        '`{ "kind": "denied", "prefix": "/media/private/" }` in the config file',
      ],
    ],
  },
  {
    names: ['auth_basic', 'auth_basic_user_file', 'auth_jwt', 'satisfy', 'limit_except'],
    within: [...EVERYWHERE, 'limit_except'],
    doc: 'nobody is let in by a password or an address here: such a location is closed to all',
  },
  {
    names: [
      'open_file_cache',
      'open_file_cache_valid',
      'open_file_cache_min_uses',
      'open_file_cache_errors',
      'open_file_cache_events',
    ],
    within: EVERYWHERE,
    says: notNeeded(
      'files that are asked for often stay in memory (cacheSize), and each is checked at each request',
    ),
    doc: 'not needed: `cacheSize`',
  },
  {
    names: [
      'tcp_nopush',
      'tcp_nodelay',
      'sendfile_max_chunk',
      'aio',
      'aio_write',
      'directio',
      'directio_alignment',
      'output_buffers',
      'postpone_output',
      'read_ahead',
      'subrequest_output_buffer_size',
      'thread_pool',
    ],
    says: notNeeded('how bytes go from disk to socket is settled here'),
    doc: 'not needed',
  },
  {
    names: [
      'gzip_types',
      'gunzip_buffers',
      'gzip_hash',
      'gzip_no_buffer',
      'gzip_window',
      'postpone_gzipping',
      'gzip_comp_level',
      'gzip_min_length',
      'gzip_vary',
      'gzip_proxied',
      'gzip_buffers',
      'gzip_disable',
      'gzip_http_version',
      'gunzip',
      'brotli_types',
      'brotli_comp_level',
      'brotli_min_length',
      'brotli_window',
      'brotli_buffers',
    ],
    says: notNeeded('it is about gzip or brotli on the way, which has a line of its own'),
    doc: 'see `gzip`',
  },
  {
    names: [
      'types_hash_max_size',
      'types_hash_bucket_size',
      'charset_types',
      'charset_map',
      'override_charset',
      'source_charset',
    ],
    says: notNeeded('the tables of types need no sizes'),
    doc: 'not needed',
  },
  {
    names: [
      'mp4',
      'flv',
      'mp4_buffer_size',
      'mp4_start_key_frame',
      'mp4_max_buffer_size',
      'image_filter',
      'image_filter_buffer',
      'image_filter_jpeg_quality',
      'xslt_stylesheet',
      'dav_methods',
      'dav_access',
      'create_full_put_path',
      'min_delete_depth',
      'random_index',
      'slice',
      'concat',
      'fancyindex',
      'empty_gif',
      'autoindex_exact_size',
      'autoindex_localtime',
      'autoindex_format',
    ],
    says: notSupported('files are sent as they are'),
    doc: 'not supported: files are sent as they are',
  },
  {
    names: [
      'sub_filter',
      'sub_filter_once',
      'sub_filter_types',
      'sub_filter_last_modified',
      'addition_types',
      'add_before_body',
      'add_after_body',
      'ssi',
      'ssi_types',
      'ssi_ignore_recycled_buffers',
      'ssi_last_modified',
      'ssi_min_file_chunk',
      'ssi_silent_errors',
      'ssi_value_length',
      'post_action',
      'mirror',
      'mirror_request_body',
      'add_trailer',
    ],
    says: notSupported('bodies are passed on as they are'),
    doc: 'not supported: bodies are passed on as they are',
  },
];
