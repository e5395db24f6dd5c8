// Reads the operator's error pages (nginx: error_page), once, at the start: an error is no time to look for a file. The start
// does not wait for long for a disk that may hang.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { contentType } from 'mime-types';
import type { Logger } from 'pino';
import { BadValueError } from '../config/errors.js';
import type { Config } from '../config/location.js';
import { mayHang } from '../stores/disk/remote-mounts.js';
import type { ErrorPages } from './error-page.js';

/** The pages, and what still may come. */
export interface ReadPages {
  readonly pages: ErrorPages;
  /** Whether one has not been read yet, since its disk does not answer, so that the process could not end as it should. */
  isHeldUp(): boolean;
}

type Page = Config['errorPages'][number];

/**
 * Resolves with all pages; with those of disks that may hang only if they answer soon, and else they come later.
 * @param patience how long those are waited for, in milliseconds
 * @throws {BadValueError} in what is promised, when one cannot be read; of one that comes late that is logged
 */
export async function readErrorPages(
  { errorPages, errorPagesFrom }: Pick<Config, 'errorPages' | 'errorPagesFrom'>,
  patience: number,
  log: Logger,
): Promise<ReadPages> {
  const pages = new Map<number, { type: string; body: Buffer }>();
  const set = ({ status, file }: Page, body: Buffer): void => {
    pages.set(status, { type: contentType(extname(file)) || 'text/html; charset=utf-8', body });
  };
  const refusal = ({ file }: Page, error: unknown): Error => {
    const { code } = error as NodeJS.ErrnoException;
    return new BadValueError(errorPagesFrom, `${file} cannot be read (${code}); write the path of a page`);
  };
  const slow: Page[] = [];
  for (const page of errorPages) {
    if (mayHang(page.file)) slow.push(page);
    else {
      try {
        set(page, readFileSync(page.file));
      } catch (error) {
        throw refusal(page, error);
      }
    }
  }
  if (slow.length === 0) return { pages, isHeldUp: () => false };

  let isReading = true;
  let isLate = false;
  // One after the other: a disk that hangs may have one of libuv's four threads, and not all of them.
  const readSlow = async (): Promise<void> => {
    for (const page of slow) {
      const body = await readFile(page.file).catch((error: unknown) => {
        if (!isLate) throw refusal(page, error);
        log.error(refusal(page, error).message);
      });
      if (body !== undefined) set(page, body);
    }
  };
  const reading = readSlow().finally(() => {
    isReading = false;
  });
  await Promise.race([reading, pause(patience, undefined, { ref: false })]);
  isLate = isReading;
  if (isLate) {
    log.error(
      { files: slow.map(({ file }) => file), waited: patience },
      'error pages have not been read yet: until their disk answers, short ones of this server are sent in their place',
    );
  }
  return { pages, isHeldUp: () => isReading };
}
