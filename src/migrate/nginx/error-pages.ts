// `error_page` with a file: the file that nginx would send for the path it names.
import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Directive } from '../directive.js';
import type { Report } from '../report.js';
import { notNeeded } from '../rows.js';
import { holdingIn } from './holding.js';
import { lastOf } from './row.js';
import { findNginxRow } from './table.js';
import { hasVariable } from './values.js';
import { drop, locationFor, type WrittenLocation } from './written-location.js';

/** What it needs to know of the site. */
export interface PageSource {
  readonly all: readonly WrittenLocation[];
  /** The contents of http and server. */
  readonly chain: readonly (readonly Directive[])[];
  readonly base: string;
  readonly report: Report;
}

/** The `errorPage` option of those that hold for the server; what stands in locations is said to have no counterpart. */
export function errorPagesOf(holding: readonly Directive[], source: PageSource): string[] {
  return holding.filter(({ name }) => name === 'error_page').flatMap((page) => pagesOf(page, source));
}

function pagesOf(page: Directive, source: PageSource): string[] {
  const { report } = source;
  const uri = page.args.at(-1) ?? '';
  const statuses = page.args.slice(0, -1);
  const answer = statuses.find((word) => word.startsWith('='));
  if (answer !== undefined || !uri.startsWith('/') || hasVariable(uri)) {
    report.say(page, 'not supported', 'only a file can be the page of an error, with the status it has');
    return [];
  }
  const known = statuses.filter((status) => /^[45]\d\d$/.test(status));
  const found = fileAt(uri, source);
  if (found === undefined || !isFile(found.file)) {
    report.say(
      page,
      'changed',
      `${found === undefined ? 'nothing on disk stands for its path' : `${found.file} is not there`}: this server's own pages are sent`,
    );
    if (found?.location !== undefined && !report.has(found.location)) {
      drop(found.location, notNeeded('it is for the page of an error, which is not there'), report);
    }
    return [];
  }
  if (found.location !== undefined && !report.has(found.location)) {
    report.say(found.location, 'kept', 'as errorPage');
    report.sayWithin(found.location, 'kept', 'as errorPage');
  }
  report.say(page, 'kept', `as errorPage: ${found.file}, for what this server refuses itself`);
  return known.map((status) => `${status}=${found.file}`);
}

function fileAt(
  uri: string,
  { all, chain, base }: PageSource,
): { readonly file: string; readonly location?: Directive } | undefined {
  const location = locationFor(uri, all);
  const own = location?.directive.block ?? [];
  if (own.some(({ name }) => /_pass$/.test(name))) return undefined;
  const alias = lastOf(own, 'alias')?.args[0];
  const root = lastOf(holdingIn(location?.chain ?? chain, findNginxRow), 'root')?.args[0];
  const path =
    alias === undefined
      ? root === undefined
        ? undefined
        : join(root, uri)
      : `${alias}${uri.slice(location?.pattern.length ?? 0)}`;
  if (path === undefined || hasVariable(path)) return undefined;
  const file = isAbsolute(path) ? path : join(base, path);
  // A location for this page alone has done its work.
  return location?.match === 'exact' ? { file, location: location.directive } : { file };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
