// `proxy_set_header`: which of its forms this server sends anyway, and what the others come to.
import { alwaysSo, changed, notNeeded, notSupported, type Outcome, type Translate } from '../rows.js';

/** Values that say what is sent anyway, by the field's name in small letters. */
const SENT: Readonly<Record<string, RegExp>> = {
  host: /^\$(?:http_host|host|host:\$server_port|host:\$proxy_port)$/,
  'x-real-ip': /^\$(?:remote_addr|realip_remote_addr)$/,
  'x-forwarded-for': /^\$(?:proxy_add_x_forwarded_for|remote_addr)$/,
  'x-forwarded-proto': /^\$(?:scheme|proxy_x_forwarded_proto)$/,
  'x-forwarded-host': /^\$(?:host|http_host)(?::\$server_port)?$/,
  'x-forwarded-port': /^\$(?:server_port|proxy_port)$/,
  'x-forwarded-server': /^\$(?:host|hostname|server_name)$/,
  upgrade: /^\$http_upgrade$/,
  connection: /^(?:\$connection_upgrade|\$http_connection|upgrade|keep-alive|)$/i,
  'accept-encoding': /^\$http_accept_encoding$/,
  cookie: /^\$http_cookie$/,
  authorization: /^\$http_authorization$/,
  'content-type': /^\$(?:content_type|http_content_type)$/,
  range: /^\$http_range$/,
  'if-range': /^\$http_if_range$/,
  'user-agent': /^\$http_user_agent$/,
  referer: /^\$http_referer$/,
  origin: /^\$http_origin$/,
};

/** Fields that say again what X-Forwarded-* says: gunicorn refuses requests whose answers differ. */
const SAID_BY_OTHERS =
  /^(?:x-forwarded-(?:protocol|ssl|scheme|uri)|x-scheme|x-url-scheme|front-end-https|x-https|x-forwarded|forwarded|x-client-ip|remote[-_]addr|x-host|x-original-(?:host|uri))$/;

export const setHeader: Translate = ({ args: [name = '', value = ''] }): Outcome => {
  const lower = name.toLowerCase();
  const sent = Object.hasOwn(SENT, lower) ? SENT[lower] : undefined;
  if (sent?.test(value.replace(/\$\{(\w+)\}/g, '$$$1'))) return alwaysSo();
  if (lower === 'proxy' && value === '') return alwaysSo('a field Proxy never becomes HTTP_PROXY (httpoxy)');
  if (lower === 'x-forwarded-proto') {
    return changed(
      'it is what the proxy in front says, where --trust-proxy names it, and http otherwise; name the one that ends TLS',
    );
  }
  if (lower === 'host') {
    return changed("the app gets the name that the client asked for; Django's ALLOWED_HOSTS must have it");
  }
  if (/^x-forwarded-|^x-real-ip$/.test(lower) && sent !== undefined) {
    return changed('it says what this server found out (see --trust-proxy)');
  }
  if (SAID_BY_OTHERS.test(lower)) {
    return changed(
      'not sent: it says what X-Forwarded-For, -Proto or -Host say; SECURE_PROXY_SSL_HEADER takes X-Forwarded-Proto',
    );
  }
  if (value === '') return notSupported('what the client sends is passed on, this field too');
  if (lower === 'x-request-id' && /^\$(?:request_id|http_x_request_id)$/.test(value)) return alwaysSo();
  if (/^\$http_/.test(value) && value.slice('$http_'.length).replaceAll('_', '-') === lower) {
    return notNeeded('the field of the client is passed on');
  }
  return notSupported(
    'no field is added to requests, and one that a client sends under this name reaches the app; have the app take it from its own settings',
  );
};
