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
  readonly #rows: { readonly route: Route; readonly prefix: BytePath }[] = [];

  /** The longest prefixes must come first. */
  add(route: Route): void {
    this.#rows.push({ route, prefix: toBytePath(route.location.prefix) });
  }

  /** @param path normalized */
  find(path: BytePath): Route | undefined {
    return this.#rows.find(({ prefix }) => path.startsWith(prefix))?.route;
  }
}
