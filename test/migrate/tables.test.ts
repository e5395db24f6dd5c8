// The tables of directives: each has words, the README is made of them, and what people write has a row.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { APACHE_ROWS } from '../../src/migrate/apache/table.js';
import { findNginxRow, NGINX_ROWS } from '../../src/migrate/nginx/table.js';
import { migrationAsMarkdown } from '../../src/migrate/reference.js';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

t.test("the README's tables are those that the code makes", async (t) => {
  const [, tables] = /<!-- migration:start -->\n([\s\S]*?)\n<!-- migration:end -->/.exec(README) ?? [];
  t.equal(tables, migrationAsMarkdown(), 'npm run docs writes them anew');
});

t.test('a row says something wherever it is asked', async (t) => {
  for (const { names, doc, says } of [...NGINX_ROWS, ...APACHE_ROWS]) {
    t.ok(names.length > 0 && doc !== '', names.join(' '));
    if (says !== undefined && says.verdict !== 'always so' && says.verdict !== 'kept') {
      t.ok(says.words.length > 10, `${names[0]}: why, or what to do instead`);
    }
  }
});

/** What stands before Django sites, by the directives of their files. */
const WRITTEN = `
  http server location alias root index expires add_header types default_type charset etag internal auth_request secure_link
  secure_link_md5 limit_rate limit_rate_after max_ranges disable_symlinks sendfile gzip_static brotli_static
  client_max_body_size client_body_timeout client_header_timeout client_body_buffer_size client_header_buffer_size
  keepalive_timeout send_timeout proxy_pass proxy_set_header proxy_connect_timeout proxy_read_timeout proxy_send_timeout
  proxy_buffering proxy_request_buffering proxy_max_temp_file_size upstream error_page set_real_ip_from real_ip_header
  real_ip_recursive access_log error_log include map worker_processes worker_connections events tcp_nopush tcp_nodelay
  listen server_name try_files proxy_redirect uwsgi_pass uwsgi_param fastcgi_pass fastcgi_param return rewrite if set
  ssl_certificate ssl_certificate_key ssl_protocols ssl_ciphers ssl_session_cache ssl_dhparam ssl_stapling gzip gzip_types
  gzip_vary gzip_proxied gzip_comp_level allow deny auth_basic auth_basic_user_file limit_req limit_req_zone limit_conn
  proxy_http_version proxy_cache_bypass proxy_buffers proxy_buffer_size proxy_busy_buffers_size autoindex open_file_cache
  log_format log_not_found user pid server_tokens resolver stub_status geo satisfy limit_except multi_accept use
  large_client_header_buffers underscores_in_headers types_hash_max_size server_names_hash_bucket_size uwsgi_read_timeout
  proxy_next_upstream proxy_intercept_errors proxy_hide_header proxy_cache sub_filter more_set_headers http2 ssl
`
  .trim()
  .split(/\s+/);

t.test('every directive that people write has a row', async (t) => {
  for (const name of WRITTEN) t.ok(findNginxRow(name), name);
});
