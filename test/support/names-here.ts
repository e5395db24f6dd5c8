/** Names below localhost, which are this machine's (RFC 6761 §6.3) though few systems know them without being told. */
import type { LookupFunction } from 'node:net';

/** All names are those of 127.0.0.1. */
export const lookupHere: LookupFunction = (_host, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const SCRIPT = `
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
const { lookup } = dns;
dns.lookup = (name, ...rest) => lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest);
syncBuiltinESMExports();`;

/** Options of Node: the program knows them, too. */
export const KNOWS_NAMES_HERE: readonly string[] = [
  '--import',
  `data:text/javascript,${encodeURIComponent(SCRIPT)}`,
];
