// nginx's directives, a row for each.
import { type Row, tableOf } from '../rows.js';
import { ROWS_FOR_APP } from './rows-app.js';
import { ROWS_FOR_FILES } from './rows-files.js';
import { ROWS_FOR_SERVER } from './rows-server.js';

/** All rows, in the order of the documentation. */
export const NGINX_ROWS: readonly Row[] = [...ROWS_FOR_FILES, ...ROWS_FOR_APP, ...ROWS_FOR_SERVER];

const TABLE = tableOf(NGINX_ROWS);

/** The row of a directive. */
export function findNginxRow(name: string): Row | undefined {
  return TABLE.get(name);
}

/** Blocks whose lines are no directives but entries: extensions, values, servers of an `upstream`. */
const TABLES: ReadonlySet<string> = new Set([
  'types',
  'map',
  'geo',
  'split_clients',
  'charset_map',
  'upstream',
  'match',
]);

/** True for a block of entries. */
export function isTable(name: string): boolean {
  return TABLES.has(name);
}
