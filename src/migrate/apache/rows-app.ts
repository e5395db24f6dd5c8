// What becomes of Apache's directives that say something of the app: mod_proxy, mod_headers' requests, mod_wsgi, and others
// that hand a request to a program.
import type { Directive } from '../directive.js';
import { alwaysSo, changed, kept, notNeeded, notSupported, type Outcome, type Row } from '../rows.js';
import { headerLine, plainValue } from './header-line.js';
import { asTimeout, isOn, timeLimit } from './values.js';

/** What is written after the address: `timeout=300 retry=0`. */
export function proxyParameters(words: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    words
      .filter((word) => word.includes('='))
      .map((word) => [word.slice(0, word.indexOf('=')).toLowerCase(), word.slice(word.indexOf('=') + 1)]),
  );
}

/** Options of the app's location that they set. */
export function proxyOptions(parameters: ReadonlyMap<string, string>): Readonly<Record<string, unknown>> {
  const set: Record<string, unknown> = {};
  for (const [key, option] of [
    ['timeout', 'readTimeout'],
    ['connectiontimeout', 'connectTimeout'],
    ['retry', 'failTimeout'],
  ] as const) {
    const seconds = timeLimit(parameters.get(key));
    if (seconds !== undefined) set[option] = asTimeout(seconds);
  }
  const method = parameters.get('lbmethod')?.toLowerCase();
  if (method === 'bybusyness') set['balance'] = 'least-connections';
  if (isOn(parameters.get('flushpackets'))) set['responseBuffering'] = false;
  return set;
}

/** Fields that the app is told by this server itself. */
const SAID = new Set([
  'x-forwarded-for',
  'x-real-ip',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-request-id',
  'host',
]);
/** Fields that no client reaches the app with. */
const DROPPED =
  /^(?:proxy|forwarded|x-forwarded(?:-.*)?|x-real-ip|x-auth-request-.*|remote-(?:user|name|email|groups)|x-request-id|.*_.*)$/;

function requestHeader(directive: Directive): Outcome {
  const { action, lower, name, value = '' } = headerLine(directive);
  if (action === 'unset') {
    if (DROPPED.test(lower)) return alwaysSo(`a client's ${name} never reaches the app`);
    return notSupported(`a client's ${name} reaches the app; it must not believe it`);
  }
  if (lower === 'x-forwarded-proto') {
    const plain = plainValue(value)?.toLowerCase();
    return plain === 'https'
      ? changed('X-Forwarded-Proto is what the proxy in front says, once trustProxy names it, and http else')
      : alwaysSo('the app is told the scheme');
  }
  if (SAID.has(lower)) {
    return plainValue(value) === undefined
      ? alwaysSo(`the app is told ${name}`)
      : changed(`the app is told ${name} as it was found out`);
  }
  if (/^x-forwarded-(?:ssl|protocol|scheme)$|^x-(?:url-)?scheme$/.test(lower)) {
    return changed(
      'X-Forwarded-Proto says the same, and alone reaches the app (SECURE_PROXY_SSL_HEADER of Django)',
    );
  }
  return notSupported(`the app is not sent ${name} by this server`);
}

const GUNICORN = 'start the app with gunicorn, and name its address: see the line that hands requests to it';

const notRun = (what: string): Outcome =>
  notSupported(`${what} is not spoken here: start the app with gunicorn (HTTP) and name its address`);

/** Rows for the app. */
export const ROWS_FOR_APP: readonly Row[] = [
  {
    names: ['ProxyPass'],
    doc: '`upstream`; with `!` the path stays here; `unix:`, `balancer://` and `ws://` too; `https://`, `fcgi://`, `uwsgi://`, `ajp://` and a changed path are told',
    examples: [
      [
        '`ProxyPass / http://127.0.0.1:8000/`',
        '`{ "kind": "upstream", "prefix": "/", "upstream": "127.0.0.1:8000" }`',
      ],
    ],
  },
  {
    names: ['ProxyPassReverse'],
    app: ({ args }) => {
      const target = args.at(-1) ?? '';
      return /^(?:https?|balancer|wss?):\/\/|^unix:|^\//i.test(target)
        ? alwaysSo('a Location that names the address of the app is passed on for the site')
        : notNeeded('nothing is sent there');
    },
    doc: 'always so: a `Location` that names the address of the app is passed on for the site',
    examples: [['`ProxyPassReverse / http://127.0.0.1:8000/`', 'always so']],
  },
  {
    names: ['ProxyPreserveHost'],
    app: ({ args }) =>
      isOn(args[0])
        ? alwaysSo('')
        : changed('the app is told the Host that the client has sent, and no other'),
    doc: 'always on',
    examples: [['`ProxyPreserveHost On`', 'always so']],
  },
  {
    names: ['ProxyTimeout'],
    app: ({ args }) => {
      const seconds = timeLimit(args[0]);
      if (seconds === undefined) return notSupported('it is no time');
      const readTimeout = asTimeout(seconds);
      return kept(`readTimeout: ${readTimeout}`, { readTimeout });
    },
    doc: '`readTimeout`',
    examples: [['`ProxyTimeout 300`', '`readTimeout: "5m"`']],
  },
  {
    names: ['RequestHeader'],
    app: requestHeader,
    files: () => notNeeded('files do not look at it'),
    doc: 'in the forms that this server sends anyway (`X-Forwarded-Proto`, `X-Forwarded-For`, `X-Real-IP`): always so; others are told',
  },
  {
    names: ['ProxyRequests'],
    site: ({ args }) =>
      isOn(args[0])
        ? notSupported('this is no forward proxy: requests for other hosts go to the app, or nowhere')
        : alwaysSo('this is no forward proxy'),
    doc: '`Off` is always so',
  },
  {
    names: ['ProxyVia'],
    says: alwaysSo('no Via is added'),
    doc: 'always so: no `Via` is added',
  },
  {
    names: ['ProxyAddHeaders'],
    says: alwaysSo('the app is told X-Forwarded-For, -Host and -Proto'),
    doc: 'always so',
  },
  {
    names: ['ProxyErrorOverride'],
    app: ({ args }) =>
      isOn(args[0])
        ? notSupported("the app's own error pages are passed on")
        : alwaysSo("the app's own error pages are passed on"),
    doc: '`Off` is always so',
  },
  {
    names: [
      'ProxyIOBufferSize',
      'ProxyReceiveBufferSize',
      'ProxyMaxForwards',
      'ProxyBadHeader',
      'ProxyStatus',
      'BalancerGrowth',
      'BalancerInherit',
      'BalancerPersist',
      'ProxySourceAddress',
      'Proxy100Continue',
      'ProxySCGIInternalRedirect',
      'ProxySCGISendfile',
      'ProxyHCExpr',
      'ProxyHCTemplate',
      'ProxyHCTPsize',
      'ProxyWebsocketFallbackToProxyHttp',
      'ProxyFCGIBackendType',
      'ProxyFCGISetEnvIf',
    ],
    says: notNeeded('it says how Apache talks to the app, which this server does in its own way'),
    doc: 'not needed: how Apache talks to the app',
  },
  {
    names: ['ProxyPassMatch'],
    says: notSupported(
      'requests go by the beginning of their path: what this takes is answered by what is around it; write ProxyPass',
    ),
    doc: 'as `ProxyPass` where the pattern is the beginning of a path, such as `^/media/`; else not supported',
  },
  {
    names: ['BalancerMember'],
    doc: 'one of the addresses of `upstream`; `status=+H` is `backup`',
  },
  {
    names: ['ProxySet'],
    doc: 'as the words after the address of `ProxyPass`',
  },
  {
    names: [
      'ProxyPassReverseCookieDomain',
      'ProxyPassReverseCookiePath',
      'ProxyPassInterpolateEnv',
      'ProxyPassInherit',
      'NoProxy',
      'ProxyBlock',
      'ProxyFtpListOnWildcard',
      'ProxyFtpEscapeWildcards',
      'ProxyFtpDirCharset',
      'ProtocolEcho',
      'AllowCONNECT',
      'ProxyDomain',
      'ProxyRemote',
      'ProxyRemoteMatch',
      'ProxyExpressEnable',
      'ProxyExpressDBMFile',
      'ProxyExpressDBMType',
    ],
    says: notSupported(
      'requests go by the beginning of their path, and answers as the app wrote them; write ProxyPass',
    ),
    doc: 'not supported: requests go by the beginning of their path',
  },
  {
    names: [
      'ProxyHTMLEnable',
      'ProxyHTMLURLMap',
      'ProxyHTMLLinks',
      'ProxyHTMLEvents',
      'ProxyHTMLExtended',
      'ProxyHTMLFixups',
      'ProxyHTMLInterp',
      'ProxyHTMLMeta',
      'ProxyHTMLCharsetOut',
      'ProxyHTMLDocType',
      'ProxyHTMLBufSize',
      'ProxyHTMLStripComments',
      'Substitute',
      'SubstituteMaxLineLength',
      'SubstituteInheritBefore',
    ],
    says: notSupported('no answer is rewritten; let the app write its links'),
    doc: 'not supported: no answer is rewritten',
  },
  {
    names: ['WSGIScriptAlias'],
    doc: 'told, with the command that starts gunicorn and the `ProxyPass` to write in its place',
    examples: [
      [
        '`WSGIScriptAlias / …/wsgi.py`',
        '`gunicorn mysite.wsgi --bind 127.0.0.1:8000` and `--upstream :8000`',
      ],
    ],
  },
  {
    names: ['WSGIScriptAliasMatch'],
    says: notSupported(GUNICORN),
    doc: 'not supported: start gunicorn',
  },
  {
    names: ['WSGIDaemonProcess'],
    says: notNeeded(
      'gunicorn has its own processes: --workers and --threads for processes= and threads=, --chdir for home= and python-path=, its own virtualenv for python-home=',
    ),
    doc: 'not needed: gunicorn has `--workers`, `--threads`, `--chdir`',
  },
  {
    names: ['WSGIPassAuthorization'],
    says: alwaysSo('the app gets Authorization'),
    doc: 'always so: the app gets `Authorization`',
  },
  {
    names: [
      'WSGIPythonPath',
      'WSGIPythonHome',
      'WSGIProcessGroup',
      'WSGIApplicationGroup',
      'WSGIImportScript',
      'WSGIRestrictEmbedded',
      'WSGISocketPrefix',
      'WSGILazyInitialization',
      'WSGIPythonOptimize',
      'WSGIPythonHashSeed',
      'WSGIPythonEggs',
      'WSGIScriptReloading',
      'WSGIRestrictStdin',
      'WSGIRestrictStdout',
      'WSGIRestrictSignal',
      'WSGICaseSensitivity',
      'WSGIErrorOverride',
      'WSGIEnableSendfile',
      'WSGIChunkedRequest',
      'WSGIMapHEADToGET',
      'WSGIAcceptMutex',
      'WSGIPythonWarnings',
      'WSGIDestroyInterpreter',
      'WSGITrustedProxies',
      'WSGITrustedProxyHeaders',
      'WSGIIgnoreActivity',
      'WSGIVerboseDebugging',
      'WSGISwitchInterval',
      'WSGIServerMetrics',
      'WSGIDontWriteBytecode',
      'WSGIPy3kWarningFlag',
      'WSGIDivisionWarnings',
      'WSGINewInterpreter',
      'WSGIReloadMechanism',
      'WSGIHandlerScript',
      'WSGICallableObject',
    ],
    says: notNeeded('it is about Python within Apache; the app runs in gunicorn'),
    doc: 'not needed: the app runs in gunicorn',
  },
  {
    names: ['WSGIAccessScript', 'WSGIAuthUserScript', 'WSGIAuthGroupScript'],
    says: notSupported('who may come in is asked of the app (`authRequest`)'),
    doc: 'not supported: `authRequest` asks the app',
  },
  {
    names: [
      'ScriptAlias',
      'ScriptAliasMatch',
      'ScriptSock',
      'ScriptLog',
      'ScriptLogLength',
      'ScriptLogBuffer',
      'ScriptInterpreterSource',
      'CGIMapExtension',
      'CGIPassAuth',
      'CGIVar',
      'CGIDScriptTimeout',
      'CGIScriptTimeout',
    ],
    says: notSupported('no programs are run (CGI)'),
    doc: 'not supported: no programs are run',
  },
  {
    names: ['SetHandler'],
    doc: '`None` is always so; any other closes what it holds for, since nothing is run here',
  },
  {
    names: [
      'PassengerRoot',
      'PassengerRuby',
      'PassengerPython',
      'PassengerEnabled',
      'PassengerAppRoot',
      'PassengerAppType',
      'PassengerStartupFile',
      'PassengerDefaultRuby',
    ],
    says: notRun('Passenger'),
    doc: 'not supported: start gunicorn',
  },
  {
    names: [
      'FastCgiServer',
      'FastCgiExternalServer',
      'FastCgiConfig',
      'FastCgiIpcDir',
      'FcgidWrapper',
      'FcgidInitialEnv',
      'FcgidIOTimeout',
      'FcgidMaxRequestLen',
      'FcgidConnectTimeout',
      'FcgidIPCDir',
      'FcgidProcessTableFile',
      'UWSGISocket',
      'UWSGISocket2',
      'SCGIMount',
    ],
    says: notRun('FastCGI'),
    doc: 'not supported: start gunicorn',
  },
  {
    names: [
      'PythonHandler',
      'PythonPath',
      'PythonDebug',
      'PythonOption',
      'PythonInterpreter',
      'PythonAutoReload',
    ],
    says: notRun('mod_python'),
    doc: 'not supported: start gunicorn',
  },
  {
    names: ['php_value', 'php_flag', 'php_admin_value', 'php_admin_flag', 'PHPIniDir'],
    says: notNeeded('there is no PHP here'),
    doc: 'not needed: there is no PHP here',
  },
  {
    names: ['SetEnv', 'PassEnv', 'UnsetEnv'],
    app: ({ args: [name = ''] }) =>
      /^(?:proxy-|force-|downgrade-|no-?keepalive|no-gzip)/i.test(name)
        ? notNeeded('it says how Apache talks, which this server does in its own way')
        : changed(
            'the app gets no variables with its requests; set what it needs in the environment it is started in',
          ),
    files: () => notNeeded('files do not look at variables'),
    doc: 'told: set variables where the app is started',
  },
  {
    names: ['SetEnvIf', 'SetEnvIfNoCase', 'SetEnvIfExpr', 'BrowserMatch', 'BrowserMatchNoCase'],
    says: notNeeded('variables of requests are for other lines of Apache, which say what becomes of them'),
    doc: 'not needed by itself: the lines that ask for the variable are told',
  },
];
