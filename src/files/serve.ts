// The alias role (nginx: ngx_http_static_module): path → open file → representation → send.
import type { Logger } from 'pino';
import type { FileLocation } from '../config/location.js';
import {
  BusyError,
  ForbiddenError,
  MethodNotAllowedError,
  NotFoundError,
  ReadFailedError,
} from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { BytePath } from '../http/target.js';
import { DiskStore } from '../stores/disk.js';
import { type OpenedFile, type Store, StoreError } from '../stores/store.js';
import { cacheControlFor } from './cache-control.js';
import { contentTypeOf } from './content-type.js';
import { isHidden } from './hidden.js';
import { represent } from './represent.js';
import { sendAnswer } from './send.js';

/**
 * Answers requests whose target lies in one location. Rejects with an HttpError when there is no file to send.
 * With an order the file is the one that the app names, not the one that the target names.
 */
export type FileHandler = (exchange: Exchange, order?: FileOrder) => Promise<void>;

/** What the app wants sent in its stead (X-Accel-Redirect, X-Sendfile). */
export interface FileOrder {
  /** Normalized, and inside the location. */
  readonly path: BytePath;
  /** Fields of the app's response, names and values in turn; they replace the location's own. */
  readonly fields: readonly string[];
}

/**
 * Prepares a location; what holds for all its files is computed here, once.
 * @throws the system's error when the root does not exist
 */
export function createFileHandler(location: FileLocation, log: Logger): FileHandler {
  const store = new DiskStore(location.root);
  const cacheControl = cacheControlFor(location);
  const prefixLength = Buffer.byteLength(location.prefix);
  return async (exchange, order) => {
    const { request } = exchange;
    if (request.method !== 'GET' && request.method !== 'HEAD') throw new MethodNotAllowedError();
    const name = (order?.path ?? exchange.target.path).slice(prefixLength);
    if (name === '' || name.endsWith('/') || isHidden(name)) throw new NotFoundError();
    const file = openFile(store, name, log);
    try {
      const description = { contentType: contentTypeOf(name), cacheControl: cacheControl(name) };
      const answer = represent(request, file, description);
      const headers = order === undefined ? answer.headers : replaceFields(answer.headers, order.fields);
      await sendAnswer(exchange, { ...answer, headers }, location.sendTimeout);
    } finally {
      file.close();
    }
  };
}

/** `fields` with what they lack from `usual`. */
function replaceFields(usual: readonly string[], fields: readonly string[]): readonly string[] {
  const replaced = new Set(fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase()));
  const rest = usual.filter((_, index) => !replaced.has(usual[index - (index % 2)]?.toLowerCase() ?? ''));
  return [...rest, ...fields];
}

function openFile(store: Store, name: string, log: Logger): OpenedFile {
  try {
    return store.open(name);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw answerTo(error, log);
  }
}

/** The response that a failure to open deserves; what the operator must know is logged here, once. */
function answerTo(error: StoreError, log: Logger): Error {
  const { failure, path, reason } = error;
  switch (failure) {
    case 'not-found':
      log.debug({ path, reason }, 'no such file');
      return new NotFoundError();
    case 'forbidden':
      log.warn({ path, reason, uid: process.getuid?.() }, forbiddenHint(path));
      return new ForbiddenError(path);
    case 'busy':
      log.error({ path, reason }, 'no file descriptor is free; raise the limit on open files (ulimit -n)');
      return new BusyError(path, reason);
    case 'failed':
      log.error({ path, reason }, 'the file cannot be opened');
      return new ReadFailedError(path, reason);
  }
}

function forbiddenHint(path: string): string {
  return (
    `user id ${process.getuid?.() ?? 'of this process'} may not read ${path}: ` +
    'Django writes uploads over 2.5 MB with mode 0600 unless FILE_UPLOAD_PERMISSIONS is set; ' +
    'set FILE_UPLOAD_PERMISSIONS = 0o644 (and FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755), ' +
    'chmod what is already there, or run media-serve as the user that writes the uploads'
  );
}
