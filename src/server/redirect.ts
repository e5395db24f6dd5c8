// Carries out what the app orders instead of answering: X-Accel-Redirect as nginx does, X-Sendfile as Apache's
// mod_xsendfile and lighttpd do. A mistake in an order is the app's: the client sees 404 or 500, the log says why.
import type { Logger } from 'pino';
import { NotFoundError, OrderError } from '../http/errors.js';
import type { AppOrder, Redirector } from '../http/order.js';
import { parseTarget, percentEncoder, type Target } from '../http/target.js';
import type { RouteTable } from './routes.js';
import { createSendfileFinder, type InternalFiles } from './sendfile.js';

/** Orders that may follow each other in one request; the app could go round in a circle (nginx: the same). */
const MAX_ORDERS = 10;

/** A segment `..`, however it is encoded. */
const PARENT = /(?:^|\/|%2f)(?:\.|%2e){2}(?:\/|%2f|$)/i;

/**
 * @param table need be complete only when the first order comes
 * @param files of internal locations; the same holds for them
 */
export function createRedirector(
  table: RouteTable,
  files: readonly InternalFiles[],
  log: Logger,
): Redirector {
  const findFile = createSendfileFinder(files, log);
  return async (exchange, order) => {
    exchange.orders += 1;
    if (exchange.orders > MAX_ORDERS)
      throw new OrderError(`more than ${MAX_ORDERS} orders, one after the other`);
    const found = order.kind === 'redirect' ? readRedirect(order.value) : await findFile(order.value);
    const route = typeof found === 'string' ? undefined : table.find(found.path);
    if (typeof found === 'string' || route === undefined) {
      const problem = typeof found === 'string' ? found : 'no location has this path';
      log.error(
        { requestId: exchange.id, ...describe(order), problem },
        'the app ordered what cannot be sent',
      );
      throw new NotFoundError();
    }
    exchange.location = route.location.prefix;
    try {
      await route.handle(exchange, { target: found, fields: order.fields, limitRate: order.limitRate });
    } catch (error) {
      if (error instanceof NotFoundError) {
        const fields = { requestId: exchange.id, ...describe(order), location: route.location.prefix };
        log.warn(fields, 'the app ordered a file that is not there');
      }
      throw error;
    }
  };
}

/** The target that an X-Accel-Redirect names, or what is wrong with it. */
function readRedirect(value: string): Target | string {
  if (value.startsWith('@')) {
    throw new OrderError(
      `X-Accel-Redirect: ${value} names a location, and locations have prefixes here, not names`,
    );
  }
  const [path = ''] = value.split('?', 1);
  if (!path.startsWith('/')) return 'X-Accel-Redirect is no percent-encoded path that starts with a slash';
  if (PARENT.test(path)) return 'X-Accel-Redirect has a segment ".."';
  try {
    return parseTarget(encodePath(path) + encodeQuery(value.slice(path.length)));
  } catch {
    return 'X-Accel-Redirect is not percent-encoded (in Python: urllib.parse.quote)';
  }
}

/** For what cannot stand in a request line; and a fragment is nothing that a server sees: `#` belongs to the name. */
const encodePath = percentEncoder(/[!"$-~]/);
const encodeQuery = percentEncoder(/[!-~]/);

function describe({ kind, value }: AppOrder): object {
  const text = Buffer.from(value, 'latin1').toString();
  return kind === 'redirect' ? { xAccelRedirect: text } : { xSendfile: text };
}
