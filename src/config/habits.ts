// Names that somebody writes who is used to another program: gunicorn, uvicorn, nginx, Django, other file servers. None of
// them is an option; each has an answer that says which one is.
import { nearestWithWords } from './nearest.js';
import { OPTION_LIST, type OptionName } from './options.js';

/** Words of others, as they are compared: small letters without marks. nginx's directives stand in the option table. */
const WORDS: Readonly<Record<string, readonly OptionName[]>> = {
  port: ['listen'],
  p: ['listen'],
  host: ['listen'],
  bind: ['listen'],
  b: ['listen'],
  addr: ['listen'],
  address: ['listen'],
  socket: ['listen'],
  uds: ['listen'],
  media: ['root'],
  mediaroot: ['root'],
  mediadir: ['root'],
  dir: ['root'],
  directory: ['root'],
  documentroot: ['root'],
  folder: ['root'],
  path: ['root'],
  mediaurl: ['url'],
  prefix: ['url'],
  static: ['staticRoot', 'staticUrl'],
  staticdir: ['staticRoot'],
  staticfiles: ['staticRoot'],
  app: ['upstream'],
  backend: ['upstream'],
  proxy: ['upstream'],
  target: ['upstream'],
  server: ['upstream'],
  buffering: ['requestBuffering', 'responseBuffering'],
  timeout: ['readTimeout'],
  gracefultimeout: ['shutdownTimeout'],
  keepalive: ['keepAliveTimeout'],
  maxsize: ['maxBody'],
  maxuploadsize: ['maxBody'],
  maxbodysize: ['maxBody'],
  limit: ['maxBody'],
  cache: ['maxAge', 'cacheSize'],
  forwardedallowips: ['trustProxy'],
  proxyheaders: ['trustProxy'],
  uploads: ['root'],
  tmpdir: ['spoolDir'],
  tempdir: ['spoolDir'],
  verbose: ['logLevel'],
  debug: ['logLevel'],
  quiet: ['logLevel'],
  c: ['config'],
  nginx: ['nginxConfig'],
  nginxfile: ['nginxConfig'],
  apache: ['apacheConfig'],
  apachefile: ['apacheConfig'],
  httpd: ['apacheConfig'],
  bucket: ['root'],
  s3bucket: ['root'],
  bucketname: ['root'],
  endpoint: ['s3Endpoint'],
  endpointurl: ['s3Endpoint'],
  s3endpointurl: ['s3Endpoint'],
  region: ['s3Region'],
  regionname: ['s3Region'],
  s3regionname: ['s3Region'],
  addressingstyle: ['s3Addressing'],
  s3addressingstyle: ['s3Addressing'],
  forcepathstyle: ['s3Addressing'],
  anonymous: ['s3Anonymous'],
  // Nothing here does it, and it is like the name of an option.
  envfile: [],
};

const NAMES = OPTION_LIST.map(([name]) => name);

const compared = (name: string): string => name.replace(/[-_.]/g, '').toLowerCase();

const BY_SPELLING = new Map(NAMES.map((name) => [compared(name), name]));

/** nginx's directives, from the table; the first option that stands for one counts. */
const DIRECTIVES = OPTION_LIST.flatMap(([name, { nginx = '' }]) =>
  nginx
    .split(', ')
    .filter((directive) => /^\w+$/.test(directive))
    .map((directive) => [compared(directive), [name]] as const),
);

/** What is meant by each word that is no name of an option; where two have a word, the first counts. */
const MEANT = new Map<string, readonly OptionName[]>([...DIRECTIVES.toReversed(), ...Object.entries(WORDS)]);
const KNOWN_WORDS = [...MEANT.keys()];

/** The option of that name in another spelling: `max_age`, `MAX_AGE`, `max-age`. */
export function optionSpelled(name: string): OptionName | undefined {
  return BY_SPELLING.get(compared(name));
}

/**
 * The options that were meant by a name that is none: another spelling of one, a word of another program, or either misspelt.
 * @param name as it was written, without what marks a flag or a variable
 */
export function optionsMeantBy(name: string): readonly OptionName[] {
  const word = compared(name);
  const own = BY_SPELLING.get(word);
  if (own !== undefined) return [own];
  const known = MEANT.get(word);
  if (known !== undefined) return known;
  const near = nearestWithWords(word, [...BY_SPELLING.keys()], KNOWN_WORDS) ?? '';
  const misspelt = BY_SPELLING.get(near);
  return misspelt === undefined ? (MEANT.get(near) ?? []) : [misspelt];
}
