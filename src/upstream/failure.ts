// Why the app did not answer, told apart: 504 when it took too long, 502 when it is not there or broke off.
import { type Address, formatAddress } from '../config/address.js';
import { BadGatewayError, GatewayTimeoutError } from '../http/errors.js';

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused; is it running, and listening there?',
  ENOENT: 'no such socket; is it running, and is the socket directory shared with this process?',
  EACCES: `permission denied for user id ${process.getuid?.() ?? 'of this process'}; may it write to the socket?`,
  ENOTFOUND: 'its host name is unknown',
  EAI_AGAIN: 'its host name cannot be resolved now',
  EHOSTUNREACH: 'its host cannot be reached',
  ENETUNREACH: 'its network cannot be reached',
  ECONNRESET: 'it closed the connection before it answered; a worker may have died or timed out',
  EPIPE: 'it closed the connection before it answered; a worker may have died or timed out',
  UND_ERR_SOCKET: 'it closed the connection before it answered; a worker may have died or timed out',
  UND_ERR_HEADERS_OVERFLOW: 'its response head is larger than 16 KiB',
};

/** The error that a failed dispatch is answered with. */
export function upstreamFailure(error: Error, upstream: Address): Error {
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  const address = formatAddress(upstream);
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return new GatewayTimeoutError(address, 'no connection within --connect-timeout');
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT') {
    return new GatewayTimeoutError(address, 'no response head within --read-timeout');
  }
  return new BadGatewayError(address, HINTS[code] ?? error.message);
}
