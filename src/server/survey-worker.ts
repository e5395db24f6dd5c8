// The thread that looks at the roots at the start, where one of them may hang.
import { parentPort, workerData } from 'node:worker_threads';
import { BadValueError } from '../config/errors.js';
import { projectFilesIn } from './project-files.js';
import { type Root, surveyRoots } from './roots.js';
import type { SurveyMessage } from './survey.js';

const roots = workerData as readonly Root[];
const tell = (message: SurveyMessage): void => parentPort?.postMessage(message);

function survey(): void {
  try {
    tell({ kind: 'survey', survey: surveyRoots(roots) });
  } catch (error) {
    if (!(error instanceof BadValueError)) throw error;
    tell({ kind: 'refused', message: error.message });
    return;
  }
  for (const { kind, root } of roots) {
    if (kind === 'internal') continue;
    const found = projectFilesIn(root);
    if (found.length > 0) tell({ kind: 'project', root, found });
  }
}

survey();
