// The heart of the configuration: a list of locations, the longest prefix wins, as in nginx.
import type { BucketLocation } from './bucket.js';
import type { OptionValue } from './options.js';
import type { SecureLink } from './secure-link.js';
import type { Upstream } from './values.js';

/** Files that are served, from a directory or a bucket (nginx: `location PREFIX { alias ROOT; }`). */
export interface FileLocation {
  /**
   * `media`: uploads, untrusted bytes on the app's own origin. `static`: the app's own build output.
   * `internal`: files that only the app hands out (nginx: `internal`).
   */
  readonly kind: 'media' | 'static' | 'internal';
  /** Starts and ends with a slash. */
  readonly prefix: string;
  /** What declared it, for messages: a flag, a variable, a place in the file. */
  readonly from: string;
  /** Absolute path of the directory; of a bucket its URL as it was written, for messages. */
  readonly root: string;
  /** Where the bucket is; undefined when the files are in a directory, of which alone all that follows of disks and links holds. */
  readonly bucket: BucketLocation | undefined;
  /** Whether a bucket is asked without credentials. */
  readonly s3Anonymous: OptionValue<'s3Anonymous'>;
  /** Who sends what is in a bucket. */
  readonly storeMode: OptionValue<'storeMode'>;
  /** How long caches may keep a file, in milliseconds; absent in `internal` locations. */
  readonly maxAge: OptionValue<'maxAge'> | undefined;
  /** Who may have the files; empty when everyone may. */
  readonly access: FileAccess;
  readonly cacheControl: OptionValue<'cacheControl'> | undefined;
  readonly symlinks: OptionValue<'symlinks'>;
  readonly dotfiles: OptionValue<'dotfiles'> | undefined;
  readonly diskIo: OptionValue<'diskIo'>;
  readonly diskThreads: OptionValue<'diskThreads'>;
  /** In milliseconds. */
  readonly diskTimeout: OptionValue<'diskTimeout'>;
  readonly maxRanges: OptionValue<'maxRanges'>;
  readonly sendfile: OptionValue<'sendfile'>;
  /** Bytes a second; 0 for no limit. */
  readonly limitRate: OptionValue<'limitRate'>;
  /** Bytes sent before the limit counts. */
  readonly limitRateAfter: OptionValue<'limitRateAfter'>;
  readonly index: OptionValue<'index'> | undefined;
  readonly precompressed: OptionValue<'precompressed'> | undefined;
  readonly headers: OptionValue<'headers'> | undefined;
  readonly cors: OptionValue<'cors'> | undefined;
  readonly types: OptionValue<'types'> | undefined;
  readonly defaultType: OptionValue<'defaultType'>;
  readonly charset: OptionValue<'charset'>;
  /** Longest silence of a client that is being sent a file, in milliseconds. */
  readonly sendTimeout: OptionValue<'sendTimeout'>;
}

/** What is asked before a file is sent. */
export interface FileAccess {
  /** The app is asked at a path of its own (nginx: auth_request). */
  readonly authRequest?: {
    /** Path and query, percent-encoded. */
    readonly target: string;
    /** How long a permission may be kept, in milliseconds. */
    readonly cache: number;
  };
  /** Only signed links count (nginx: secure_link). */
  readonly secureLink?: SecureLink;
}

/** Whether not everyone may have the files of a location. */
export function isProtected({ kind, access }: Pick<FileLocation, 'kind' | 'access'>): boolean {
  return kind === 'internal' || access.authRequest !== undefined || access.secureLink !== undefined;
}

/** The app (nginx: `location PREFIX { proxy_pass UPSTREAM; }`). */
export interface UpstreamLocation {
  readonly kind: 'upstream';
  /** Starts and ends with a slash. */
  readonly prefix: string;
  /** What declared it, for messages: a flag, a variable, a place in the file. */
  readonly from: string;
  /** One server of the app or several; the first is never a backup. */
  readonly upstreams: readonly Upstream[];
  /** In bytes; 0 is no limit. */
  readonly maxBody: OptionValue<'maxBody'>;
  /** In bytes. */
  readonly maxResponseHead: OptionValue<'maxResponseHead'>;
  readonly requestBuffering: OptionValue<'requestBuffering'>;
  readonly responseBuffering: OptionValue<'responseBuffering'>;
  /** In bytes. */
  readonly bufferMemory: OptionValue<'bufferMemory'>;
  /** In bytes. */
  readonly bufferFileLimit: OptionValue<'bufferFileLimit'>;
  /** The system's temporary directory when absent. */
  readonly spoolDir: OptionValue<'spoolDir'> | undefined;
  /** In milliseconds, like all that follow. */
  readonly connectTimeout: OptionValue<'connectTimeout'>;
  readonly readTimeout: OptionValue<'readTimeout'>;
  /** Longest time the app may take nothing of a request body. */
  readonly upstreamSendTimeout: OptionValue<'upstreamSendTimeout'>;
  readonly totalTimeout: OptionValue<'totalTimeout'> | undefined;
  /** Longest silence of a client that sends a body or is sent a response. */
  readonly sendTimeout: OptionValue<'sendTimeout'>;
  readonly balance: OptionValue<'balance'>;
  readonly maxFails: OptionValue<'maxFails'>;
  readonly failTimeout: OptionValue<'failTimeout'>;
  readonly abortOnClientClose: OptionValue<'abortOnClientClose'>;
}

/** Nobody gets anything there, whatever lies around it (nginx: `location PREFIX { deny all; }`). */
export interface DeniedLocation {
  readonly kind: 'denied';
  /** Starts and ends with a slash. */
  readonly prefix: string;
  /** What declared it, for messages: a place in the file. */
  readonly from: string;
}

export type Location = FileLocation | DeniedLocation | UpstreamLocation;

/** Whether its answers are files, wherever these are. */
export function isOfFiles(location: Location): location is FileLocation {
  return location.kind !== 'upstream' && location.kind !== 'denied';
}

/** Files in a directory. */
export interface LocationInDirectory extends FileLocation {
  readonly bucket: undefined;
}

/** Files in a bucket. */
export interface LocationInBucket extends FileLocation {
  readonly bucket: BucketLocation;
}

/** Whether its answers come from a directory. */
export function isInDirectory(location: Location): location is LocationInDirectory {
  return isOfFiles(location) && location.bucket === undefined;
}

/** Whether its answers come from a bucket. */
export function isInBucket(location: Location): location is LocationInBucket {
  return isOfFiles(location) && location.bucket !== undefined;
}

/** Everything the operator said, checked and frozen. */
export interface Config {
  /** What is said at the start of what looks like a mistake, and is no reason not to start. */
  readonly warnings: readonly string[];
  /** Longest prefix first. */
  readonly locations: readonly Location[];
  readonly listen: OptionValue<'listen'>;
  /** What gave the address, for messages. */
  readonly listenFrom: string;
  /** As of chmod(2). */
  readonly socketMode: OptionValue<'socketMode'>;
  readonly socketGroup: OptionValue<'socketGroup'> | undefined;
  /** Undefined is as many as the system has room for. */
  readonly maxConnections: OptionValue<'maxConnections'> | undefined;
  /** In bytes. */
  readonly maxRequestHead: OptionValue<'maxRequestHead'>;
  /** Memory for cached files, in bytes; 0 for none. */
  readonly cacheSize: OptionValue<'cacheSize'>;
  /** Memory that request bodies share, in bytes; 0 for none. */
  readonly uploadMemory: OptionValue<'uploadMemory'>;
  readonly errorPages: OptionValue<'errorPage'>;
  /** What gave the pages, for messages. */
  readonly errorPagesFrom: string;
  readonly trustProxy: OptionValue<'trustProxy'>;
  readonly proxyProtocol: OptionValue<'proxyProtocol'>;
  /** In milliseconds; 0 keeps no connection. */
  readonly keepAliveTimeout: OptionValue<'keepAliveTimeout'>;
  /** In milliseconds. */
  readonly shutdownTimeout: OptionValue<'shutdownTimeout'>;
  readonly logLevel: OptionValue<'logLevel'>;
  readonly logFormat: OptionValue<'logFormat'>;
}
