// The library: what the command does, for programs.
export { type Address, formatAddress } from './config/address.js';
export type { BucketLocation } from './config/bucket.js';
export { loadConfig } from './config/load.js';
export type { Config, DeniedLocation, FileLocation, Location, UpstreamLocation } from './config/location.js';
export { createMediaServer } from './server/app.js';
export { createLog, type Log } from './server/log.js';
