// Which location answers: the longest prefix wins, as in nginx.
import type { Location } from '../config/location.js';
import type { Exchange } from '../http/exchange.js';
import type { Order } from '../http/order.js';
import { type BytePath, toBytePath } from '../http/target.js';

/** A location with what answers its requests, and the app's orders that lead to it. */
export interface Route {
  readonly location: Location;
  /** Throws, or rejects with, an HttpError when it has not answered. */
  readonly handle: (exchange: Exchange, order?: Order) => Promise<void> | undefined;
}

/** All locations. */
export class RouteTable {
  readonly #rows: {
    readonly route: Route;
    readonly prefix: BytePath;
    readonly also: BytePath | undefined;
  }[] = [];

  /** The longest prefixes must come first. */
  add(route: Route): void {
    const { kind, prefix } = route.location;
    // A single page may be what is closed, such as /metrics: its own name has no slash at its end.
    const isFolder = prefix !== '/' && prefix.endsWith('/');
    const also = kind === 'denied' && isFolder ? toBytePath(prefix.slice(0, -1)) : undefined;
    this.#rows.push({ route, prefix: toBytePath(prefix), also });
  }

  /** @param path normalized */
  find(path: BytePath): Route | undefined {
    return this.#rows.find(({ prefix, also }) => path.startsWith(prefix) || path === also)?.route;
  }
}
