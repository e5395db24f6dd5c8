// Apache's directives, and what becomes of each. Adding one is adding a row to the list of its theme.
import { type Row, type Table, tableOf } from '../rows.js';
import { ROWS_FOR_ACCESS } from './rows-access.js';
import { ROWS_FOR_APP } from './rows-app.js';
import { ROWS_FOR_FILES } from './rows-files.js';
import { ROWS_FOR_SERVER } from './rows-server.js';

/** All rows, in the order of the documentation. */
export const APACHE_ROWS: readonly Row[] = [
  ...ROWS_FOR_ACCESS,
  ...ROWS_FOR_FILES,
  ...ROWS_FOR_APP,
  ...ROWS_FOR_SERVER,
];

const TABLE: Table = tableOf(APACHE_ROWS, (name) => name.toLowerCase());

/** The row for a name, however it is spelled. */
export function findApacheRow(name: string): Row | undefined {
  return TABLE.get(name.toLowerCase());
}
