// What becomes of Apache's directives that say something of the server as a whole: core, mod_ssl, mod_remoteip, logs, the MPMs.
import { networks } from '../../config/values.js';
import { alwaysSo, changed, kept, notNeeded, notSupported, type Outcome, type Row } from '../rows.js';
import { lastOf } from './holding.js';
import { asTimeout, isOn, timeLimit } from './values.js';

function trusted(list: readonly string[]): Outcome {
  try {
    networks.parse(list);
    return kept('trustProxy', { trustProxy: [...list] });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return notSupported(error.message);
  }
}

/** The largest field that Apache lets pass by itself, and less than what this server lets pass. */
const LARGEST_HEAD = 32 * 1024;

/** Rows for the server. */
export const ROWS_FOR_SERVER: readonly Row[] = [
  {
    names: ['Listen'],
    doc: '`listen`, the one that the site answers on; a port for TLS is told: this server answers in plain HTTP',
    examples: [['`Listen 127.0.0.1:8080`', '`listen: "127.0.0.1:8080"`']],
  },
  {
    names: ['LimitRequestBody'],
    app: ({ args: [word = ''] }) => {
      if (!/^\d{1,15}$/.test(word)) return notSupported('it is no number of bytes');
      if (word === '0') return kept('maxBody: 0', { maxBody: 0 });
      return changed(
        `as maxBody: ${word}; Apache does not hold it against bodies for an app behind ProxyPass`,
        {
          maxBody: Number(word),
        },
      );
    },
    files: () => notNeeded('files take no bodies'),
    doc: '`maxBody`, which holds for the app, too (Apache does not hold it against bodies behind `ProxyPass`)',
    examples: [['`LimitRequestBody 10485760`', '`maxBody: 10485760`']],
  },
  {
    names: ['LimitRequestFieldSize', 'LimitRequestLine'],
    site: ({ args: [word = ''] }) => {
      const bytes = Number(word);
      if (!(bytes > LARGEST_HEAD)) return alwaysSo('the head of a request may have 32 kB (`maxRequestHead`)');
      const maxRequestHead = Math.min(bytes, 1024 * 1024);
      return changed(`as maxRequestHead: ${maxRequestHead}, for all fields together`, { maxRequestHead });
    },
    doc: '`maxRequestHead` where it is more than 32 kB, for all fields together',
  },
  {
    names: ['LimitRequestFields', 'LimitInternalRecursion', 'LimitXMLRequestBody'],
    says: notNeeded('the head of a request has one limit (`maxRequestHead`)'),
    doc: 'not needed: the head of a request has one limit',
  },
  {
    names: ['Timeout'],
    site: ({ args }) => {
      const seconds = timeLimit(args[0]);
      if (seconds === undefined) return notSupported('it is no time');
      const sendTimeout = asTimeout(seconds);
      return kept(`sendTimeout: ${sendTimeout}`, { sendTimeout });
    },
    app: ({ args }, here) => {
      const seconds = timeLimit(args[0]);
      if (seconds === undefined) return notSupported('it is no time');
      if (lastOf('proxytimeout', here) !== undefined) {
        return notNeeded('for the app ProxyTimeout counts');
      }
      const readTimeout = asTimeout(seconds);
      return kept(`readTimeout: ${readTimeout}`, { readTimeout });
    },
    doc: '`sendTimeout`, and `readTimeout` where no `ProxyTimeout` is',
    examples: [['`Timeout 120`', '`sendTimeout: "2m"`, `readTimeout: "2m"`']],
  },
  {
    names: ['KeepAlive'],
    site: ({ args }) =>
      isOn(args[0]) || Number(args[0]) > 0
        ? alwaysSo('')
        : kept('keepAliveTimeout: 0', { keepAliveTimeout: '0s' }),
    doc: '`Off`: `keepAliveTimeout: 0`',
  },
  {
    names: ['KeepAliveTimeout'],
    site: ({ args }, here) => {
      const seconds = timeLimit(args[0]);
      if (seconds === undefined) return notSupported('it is no time');
      if (/^off$/i.test(lastOf('keepalive', here)?.args[0] ?? '')) {
        return notNeeded('KeepAlive is off');
      }
      const keepAliveTimeout = asTimeout(seconds);
      return kept(`keepAliveTimeout: ${keepAliveTimeout}`, { keepAliveTimeout });
    },
    doc: '`keepAliveTimeout`',
  },
  {
    names: ['MaxKeepAliveRequests'],
    says: notNeeded('a connection may carry any number of requests'),
    doc: 'not needed',
  },
  {
    names: ['RequestReadTimeout'],
    says: alwaysSo('heads and bodies have their own time limits (`sendTimeout` for bodies)'),
    doc: 'always so: heads and bodies have time limits',
  },
  {
    names: ['RemoteIPTrustedProxy', 'RemoteIPInternalProxy'],
    site: ({ args }) => trusted(args),
    doc: '`trustProxy`',
    examples: [['`RemoteIPInternalProxy 10.0.0.0/8`', '`trustProxy: ["10.0.0.0/8"]`']],
  },
  {
    names: ['RemoteIPHeader'],
    site: ({ args: [name = ''] }, { holding }) => {
      const isNamed = holding.some((other) => /^remoteip(?:trusted|internal)proxy$/i.test(other.name));
      if (!/^x-forwarded-for$/i.test(name)) {
        return notSupported(
          `the client is told by X-Forwarded-For or Forwarded of a proxy in trustProxy, not by ${name}`,
        );
      }
      return isNamed
        ? kept('trustProxy, whose proxies tell the client by it')
        : changed('X-Forwarded-For counts from the proxies that trustProxy names, and none is named');
    },
    doc: '`X-Forwarded-For` from the proxies in `trustProxy`; no other name',
  },
  {
    names: ['RemoteIPProxyProtocol'],
    site: ({ args }) =>
      isOn(args[0]) ? kept('proxyProtocol', { proxyProtocol: true }) : kept('proxyProtocol: false'),
    doc: '`proxyProtocol`',
  },
  {
    names: [
      'RemoteIPTrustedProxyList',
      'RemoteIPInternalProxyList',
      'RemoteIPProxyProtocolExceptions',
      'RemoteIPProxiesHeader',
    ],
    says: notSupported('write the addresses of the proxies in front into `trustProxy`'),
    doc: 'not supported: write the addresses into `trustProxy`',
  },
  {
    names: ['ServerName', 'ServerAlias'],
    says: notNeeded('every name is answered; which ones count is said by ALLOWED_HOSTS of Django'),
    doc: 'not needed: every name is answered, and `ALLOWED_HOSTS` decides',
    examples: [['`ServerName example.com`', 'not needed: `ALLOWED_HOSTS` decides']],
  },
  {
    names: [
      'NameVirtualHost',
      'UseCanonicalName',
      'UseCanonicalPhysicalPort',
      'ServerPath',
      'StrictHostCheck',
    ],
    says: notNeeded('every name is answered'),
    doc: 'not needed: every name is answered',
  },
  {
    names: ['ServerRoot'],
    says: kept('the directory that relative paths start from'),
    doc: 'kept: relative paths start there',
  },
  {
    names: ['Define', 'UnDefine'],
    says: kept('variables of this file'),
    doc: 'kept: variables of the file',
  },
  {
    names: ['Include', 'IncludeOptional'],
    says: kept('what is in these files'),
    doc: 'kept: what these files say is read',
  },
  {
    names: ['LoadModule', 'LoadFile', 'ClearModuleList', 'AddModule'],
    says: notNeeded('there are no modules'),
    doc: 'not needed: there are no modules',
  },
  {
    names: ['CustomLog', 'TransferLog'],
    says: kept('the line that each request has in the log, on standard output'),
    doc: 'kept: each request has a line in the log, on standard output',
  },
  {
    names: ['ErrorLog', 'GlobalLog', 'ForensicLog'],
    says: notNeeded('the log goes to standard output, for the service manager to keep'),
    doc: 'not needed: the log goes to standard output',
  },
  {
    names: [
      'LogFormat',
      'ErrorLogFormat',
      'BufferedLogs',
      'CookieLog',
      'LogIOTrackTTFB',
      'LogMessage',
      'DumpIOInput',
      'DumpIOOutput',
      'HostnameLookups',
      'IdentityCheck',
      'IdentityCheckTimeout',
    ],
    doc: 'not needed: the log has a form of its own',
  },
  {
    names: ['LogLevel'],
    site: ({ args: [word = ''] }) => {
      const level = word.toLowerCase();
      if (/^trace\d$/.test(level)) return kept('logLevel: trace', { logLevel: 'trace' });
      if (level === 'debug') return kept('logLevel: debug', { logLevel: 'debug' });
      return notNeeded('warnings and errors are written, and a line for each request (`logLevel`)');
    },
    doc: '`logLevel` for `debug` and `trace`',
  },
  {
    names: ['ServerAdmin', 'ServerSignature', 'ServerTokens', 'TraceEnable', 'ContentDigest'],
    says: alwaysSo('answers name neither a version nor a person, and TRACE is refused'),
    doc: 'always so: answers name neither a version nor a person',
  },
  {
    names: [
      'HttpProtocolOptions',
      'QualifyRedirectURL',
      'MergeSlashes',
      'AcceptPathInfo',
      'AllowEncodedSlashes',
      'MergeTrailers',
      'RegexDefaultOptions',
      'RegisterHttpMethod',
    ],
    says: notNeeded(
      'paths are read in one way: slashes that follow each other count as one for files, and the app gets the path as it came',
    ),
    doc: 'not needed: paths are read in one way, and the app gets them as they came',
  },
  {
    names: [
      'Protocols',
      'ProtocolsHonorOrder',
      'Protocol',
      'H2WebSockets',
      'H2TLSWarmUpSize',
      'H2TLSCoolDownSecs',
      'H2StreamTimeout',
      'H2SessionExtraFiles',
      'H2PushResource',
      'H2PushDiarySize',
      'H2ProxyRequests',
      'H2Padding',
      'H2OutputBuffering',
      'H2MaxWorkerIdleSeconds',
      'H2MaxStreamErrors',
      'H2MaxHeaderBlockLen',
      'H2MaxDataFrameLen',
      'H2EarlyHint',
      'H2CopyFiles',
      'H2Direct',
      'H2Push',
      'H2MaxSessionStreams',
      'H2WindowSize',
      'H2Upgrade',
      'H2EarlyHints',
      'H2ModernTLSOnly',
      'H2PushPriority',
      'H2MinWorkers',
      'H2MaxWorkers',
      'H2SerializeHeaders',
      'H2StreamMaxMemSize',
    ],
    says: notNeeded('HTTP/2 ends where TLS ends, in front of this server'),
    doc: 'not needed: HTTP/2 ends where TLS ends',
  },
  {
    names: ['SSLEngine'],
    site: ({ args }) =>
      /^off$/i.test(args[0] ?? '')
        ? alwaysSo('this server answers in plain HTTP')
        : changed(
            'this server answers in plain HTTP on --listen: TLS ends in front of it, at a proxy that trustProxy names',
          ),
    doc: 'told: TLS ends in front of this server',
    examples: [['`SSLEngine on`', 'plain HTTP on `--listen`: TLS ends in front']],
  },
  {
    names: [
      'SSLCertificateFile',
      'SSLStaplingResponseTimeSkew',
      'SSLStaplingResponseMaxAge',
      'SSLLogLevel',
      'SSLLog',
      'MDomainSet',
      'MDWarnWindow',
      'MDStoreLocks',
      'MDStaplingRenewWindow',
      'MDStaplingKeepResponse',
      'MDStapleOthers',
      'MDServerStatus',
      'MDRetryFailover',
      'MDRetryDelay',
      'MDRenewViaARI',
      'MDProfileMandatory',
      'MDProfile',
      'MDPortMap',
      'MDNotifyCmd',
      'MDMustStaple',
      'MDMessageCmd',
      'MDMember',
      'MDMatchNames',
      'MDInitialDelay',
      'MDHttpProxyCACertificateFile',
      'MDHttpProxy',
      'MDExternalAccountBinding',
      'MDDriveMode',
      'MDCheckInterval',
      'MDChallengeDns01Version',
      'MDChallengeDns01',
      'MDCertificateStatus',
      'MDCertificateProtocol',
      'MDCertificateKeyFile',
      'MDCertificateFile',
      'MDCertificateCheck',
      'MDCACertificateFile',
      'MDBaseServer',
      'MDActivationDelay',
      'SSLCertificateKeyFile',
      'SSLCertificateChainFile',
      'SSLCACertificateFile',
      'SSLCACertificatePath',
      'SSLCADNRequestFile',
      'SSLCADNRequestPath',
      'SSLCARevocationFile',
      'SSLCARevocationPath',
      'SSLCARevocationCheck',
      'SSLProtocol',
      'SSLCipherSuite',
      'SSLHonorCipherOrder',
      'SSLCompression',
      'SSLSessionTickets',
      'SSLSessionTicketKeyFile',
      'SSLSessionCache',
      'SSLSessionCacheTimeout',
      'SSLUseStapling',
      'SSLStaplingCache',
      'SSLStaplingResponderTimeout',
      'SSLStaplingReturnResponderErrors',
      'SSLStaplingFakeTryLater',
      'SSLStaplingStandardCacheTimeout',
      'SSLStaplingErrorCacheTimeout',
      'SSLStaplingForceURL',
      'SSLOpenSSLConfCmd',
      'SSLRandomSeed',
      'SSLPassPhraseDialog',
      'SSLOptions',
      'SSLStrictSNIVHostCheck',
      'SSLVerifyDepth',
      'SSLInsecureRenegotiation',
      'SSLCryptoDevice',
      'SSLFIPS',
      'SSLRenegBufferSize',
      'SSLUserName',
      'SSLOCSPEnable',
      'SSLOCSPDefaultResponder',
      'SSLOCSPOverrideResponder',
      'SSLOCSPResponderTimeout',
      'SSLOCSPResponseMaxAge',
      'SSLOCSPResponseTimeSkew',
      'SSLOCSPUseRequestNonce',
      'SSLOCSPProxyURL',
      'SSLOCSPNoverify',
      'SSLOCSPResponderCertificateFile',
      'SSLSRPVerifierFile',
      'SSLSRPUnknownUserSeed',
      'SSLVHostSNIPolicy',
      'MDomain',
      'MDCertificateAgreement',
      'MDContactEmail',
      'MDRequireHttps',
      'MDMembers',
      'MDStoreDir',
      'MDPrivateKeys',
      'MDRenewMode',
      'MDRenewWindow',
      'MDStapling',
      'MDCertificateAuthority',
      'MDCAChallenges',
    ],
    says: notNeeded('it belongs where TLS ends, in front of this server'),
    doc: 'not needed: it belongs where TLS ends',
  },
  {
    names: [
      'SSLProxyEngine',
      'SSLProxyVerify',
      'SSLProxyVerifyDepth',
      'SSLProxyCheckPeerCN',
      'SSLProxyCheckPeerName',
      'SSLProxyCheckPeerExpire',
      'SSLProxyCACertificateFile',
      'SSLProxyCACertificatePath',
      'SSLProxyCARevocationCheck',
      'SSLProxyCARevocationFile',
      'SSLProxyCARevocationPath',
      'SSLProxyCipherSuite',
      'SSLProxyProtocol',
      'SSLProxyMachineCertificateFile',
      'SSLProxyMachineCertificatePath',
      'SSLProxyMachineCertificateChainFile',
    ],
    says: notNeeded('the app is reached over plain HTTP'),
    doc: 'not needed: the app is reached over plain HTTP',
  },
  {
    names: [
      'StartServers',
      'WatchdogInterval',
      'RedisTimeout',
      'RedisConnPoolTTL',
      'Port',
      'MemcacheConnTTL',
      'ListenTCPDeferAccept',
      'HeartbeatAddress',
      'HeartbeatListen',
      'HeartbeatStorage',
      'HeartbeatMaxServers',
      'AddModuleInfo',
      'MinSpareServers',
      'MaxSpareServers',
      'MaxRequestWorkers',
      'MaxClients',
      'MaxConnectionsPerChild',
      'MaxRequestsPerChild',
      'MinSpareThreads',
      'MaxSpareThreads',
      'ThreadsPerChild',
      'ThreadLimit',
      'ServerLimit',
      'AsyncRequestWorkerFactor',
      'ThreadStackSize',
      'ListenBacklog',
      'ListenCoresBucketsRatio',
      'MaxMemFree',
      'SendBufferSize',
      'ReceiveBufferSize',
      'GracefulShutdownTimeout',
      'PidFile',
      'ScoreBoardFile',
      'Mutex',
      'LockFile',
      'AcceptMutex',
      'AcceptFilter',
      'CoreDumpDirectory',
      'DefaultRuntimeDir',
      'User',
      'Group',
      'ChrootDir',
      'EnableExceptionHook',
      'Suexec',
      'SuexecUserGroup',
      'AssignUserID',
      'RLimitCPU',
      'RLimitMEM',
      'RLimitNPROC',
      'ExtendedStatus',
      'SeeRequestTail',
      'FlushMaxPipelined',
      'FlushMaxThreshold',
      'ReadBufferSize',
    ],
    says: notNeeded(
      'it says how the processes of Apache run; this server is one process that the service manager starts',
    ),
    doc: "not needed: how Apache's processes run",
  },
  {
    names: ['Error'],
    says: notSupported('it is a message for whoever starts Apache'),
    doc: 'not supported: a message for whoever starts Apache',
  },
  {
    names: [
      'DeflateCompressionLevel',
      'DeflateBufferSize',
      'DeflateMemLevel',
      'DeflateWindowSize',
      'DeflateFilterNote',
      'DeflateInflateLimitRequestBody',
      'DeflateInflateRatioBurst',
      'DeflateInflateRatioLimit',
      'DeflateAlterETag',
      'BrotliCompressionQuality',
      'BrotliCompressionWindow',
      'BrotliCompressionMaxInputBlock',
      'BrotliAlterETag',
      'BrotliFilterNote',
    ],
    says: notNeeded(
      'nothing is compressed on the way; siblings such as app.css.gz are sent (`precompressed`)',
    ),
    doc: 'not needed: siblings are sent (`precompressed`)',
  },
  {
    names: ['FilterDeclare', 'FilterProvider', 'FilterChain', 'FilterProtocol', 'FilterTrace'],
    says: changed(
      'nothing is compressed or changed on the way; siblings such as app.css.gz are sent (`precompressed`)',
    ),
    doc: 'told: nothing is changed on the way',
  },
  {
    names: [
      'IndexOptions',
      'FancyIndexing',
      'IndexIgnore',
      'IndexIgnoreReset',
      'IndexOrderDefault',
      'IndexStyleSheet',
      'IndexHeadInsert',
      'AddIcon',
      'AddIconByType',
      'AddIconByEncoding',
      'AddAlt',
      'AddAltByType',
      'AddAltByEncoding',
      'AddDescription',
      'DefaultIcon',
      'HeaderName',
      'ReadmeName',
    ],
    says: notNeeded('there are no listings of directories'),
    doc: 'not needed: there are no listings of directories',
  },
  {
    names: [
      'CacheEnable',
      'CacheDisable',
      'CacheRoot',
      'CacheDirLevels',
      'CacheDirLength',
      'CacheDefaultExpire',
      'CacheMaxExpire',
      'CacheMinExpire',
      'CacheIgnoreHeaders',
      'CacheIgnoreQueryString',
      'CacheIgnoreURLSessionIdentifiers',
      'CacheIgnoreCacheControl',
      'CacheIgnoreNoLastMod',
      'CacheLastModifiedFactor',
      'CacheStorePrivate',
      'CacheStoreNoStore',
      'CacheStoreExpired',
      'CacheLock',
      'CacheLockPath',
      'CacheLockMaxAge',
      'CacheMaxFileSize',
      'CacheMinFileSize',
      'CacheQuickHandler',
      'CacheHeader',
      'CacheDetailHeader',
      'CacheStaleOnError',
      'CacheKeyBaseURL',
      'CacheReadSize',
      'CacheReadTime',
      'CacheFile',
      'MMapFile',
      'CacheSocache',
      'CacheSocacheMaxSize',
      'CacheSocacheMaxTime',
      'CacheSocacheMinTime',
      'CacheSocacheReadSize',
      'CacheSocacheReadTime',
    ],
    says: notNeeded("the app's answers are not kept, and files that are asked for often are (`cacheSize`)"),
    doc: 'not needed: files that are asked for often are kept in memory (`cacheSize`)',
  },
  {
    names: [
      'DOSHashTableSize',
      'DOSPageCount',
      'DOSSiteCount',
      'DOSPageInterval',
      'DOSSiteInterval',
      'DOSBlockingPeriod',
      'DOSEmailNotify',
      'DOSSystemCommand',
      'DOSLogDir',
      'DOSWhitelist',
      'QS_ClientEntries',
      'QS_SrvMaxConn',
      'QS_SrvMaxConnPerIP',
      'QS_SrvMaxConnClose',
      'QS_SrvMinDataRate',
      'QS_LocRequestLimit',
      'QS_LocRequestLimitMatch',
      'LimitIPConn',
    ],
    says: notSupported('requests are not counted by client; a proxy in front or the app can do that'),
    doc: 'not supported: requests are not counted by client',
  },
  {
    names: ['BandWidthModule', 'BandWidth', 'MinBandWidth', 'ForceBandWidthModule'],
    says: notSupported('`limitRate` says how fast a file is sent'),
    doc: 'not supported: `limitRate`',
  },
  {
    names: [
      'SecRuleEngine',
      'SecRequestBodyAccess',
      'SecResponseBodyAccess',
      'SecRequestBodyLimit',
      'SecRequestBodyNoFilesLimit',
      'SecResponseBodyLimit',
      'SecRule',
      'SecAction',
      'SecRuleRemoveById',
      'SecRuleUpdateTargetById',
      'SecDataDir',
      'SecTmpDir',
      'SecAuditEngine',
      'SecAuditLog',
      'SecDebugLog',
      'SecDebugLogLevel',
      'SecServerSignature',
      'SecDefaultAction',
    ],
    says: notSupported('no request is looked through for attacks (mod_security)'),
    doc: 'not supported: no request is looked through for attacks',
  },
  {
    names: ['XSendFile'],
    doc: 'kept: the app hands out files by `X-Sendfile`',
    examples: [
      [
        '`XSendFilePath /srv/protected`',
        '`{ "kind": "internal", "prefix": "/.xsendfile/1/", "root": "/srv/protected" }`',
      ],
    ],
  },
  {
    names: ['XSendFilePath'],
    doc: 'a location of kind `internal`, at a path that nobody can ask for',
  },
  {
    names: ['XSendFileIgnoreEtag', 'XSendFileIgnoreLastModified', 'XSendFileUnescape', 'XSendFileAllowAbove'],
    says: notNeeded('what is sent are the validators of the file'),
    doc: 'not needed',
  },
];
