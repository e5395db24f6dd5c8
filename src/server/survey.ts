// Who looks at the roots at the start: this thread, unless one of them may hang. Then another one does, and is not waited for
// for long: a root that hangs keeps no app from being served.
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import { BadValueError } from '../config/errors.js';
import { type Root, type RootSurvey, surveyByName, surveyRoots } from './roots.js';

/** How long the start waits for a disk at most, in milliseconds. */
export const PATIENCE = 3000;

/** How long the end waits for the thread, in milliseconds: one that does not hang takes a few. */
const TIME_TO_END = 500;

/** What the thread tells. */
export type SurveyMessage =
  | { readonly kind: 'survey'; readonly survey: RootSurvey }
  /** What a BadValueError says. */
  | { readonly kind: 'refused'; readonly message: string }
  /** Files of a project that lie in a root. */
  | { readonly kind: 'project'; readonly root: string; readonly found: readonly string[] };

/** What is known of the roots, and what still may come. */
export interface Surveyed {
  readonly survey: RootSurvey;
  /** True when another thread has looked, and looks for files of projects, too. */
  readonly isElsewhere: boolean;
  /** Ends the thread. Resolves when it is gone; or, since it waits for a disk, still is there, as `isHeldUp` tells. */
  end(): Promise<void>;
  /** Whether a thread still waits for a disk, so that the process could not end as it should. */
  isHeldUp(): boolean;
}

/**
 * Looks at the roots in this thread.
 * @throws {BadValueError} as surveyRoots does
 */
export function surveyHere(roots: readonly Root[]): Surveyed {
  return { survey: surveyRoots(roots), isElsewhere: false, end: async () => {}, isHeldUp: () => false };
}

/**
 * Looks at them in another thread. Resolves when it is done; or when it has taken long, with what can be said without it.
 * @param timeout how long a disk may take, in milliseconds
 * @param tellProject is told of files of a project in a root, at any time
 * @throws {BadValueError} in what is promised, as surveyRoots does; what comes too late is logged
 */
export function surveyElsewhere(
  roots: readonly Root[],
  timeout: number,
  log: Logger,
  tellProject: (root: string, found: readonly string[]) => void,
): Promise<Surveyed> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./survey-worker.js', import.meta.url), { workerData: roots });
    worker.unref();
    let isGone = false;
    let isLate = false;
    const isHeldUp = (): boolean => !isGone;
    const end = async (): Promise<void> => {
      await Promise.race([worker.terminate(), pause(TIME_TO_END, undefined, { ref: false })]);
    };
    const patience = Math.min(timeout, PATIENCE);
    const timer = setTimeout(() => {
      isLate = true;
      log.error(
        { roots: roots.map(({ root }) => root), waited: patience },
        'the directories of files have not answered yet: what is checked at the start will be checked when they do, and the rest is served meanwhile',
      );
      resolve({ survey: surveyByName(roots), isElsewhere: true, end, isHeldUp });
    }, patience);
    worker.on('message', (message: SurveyMessage) => {
      if (message.kind === 'project') tellProject(message.root, message.found);
      else if (message.kind === 'survey') {
        clearTimeout(timer);
        resolve({ survey: message.survey, isElsewhere: true, end, isHeldUp });
      } else {
        clearTimeout(timer);
        if (isLate) log.error(message.message);
        reject(Object.assign(new BadValueError('', ''), { message: message.message }));
      }
    });
    worker.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    worker.once('exit', () => {
      isGone = true;
    });
  });
}
