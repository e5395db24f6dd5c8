// What a request is refused with that cannot be read in exactly one way (RFC 9112 §11.2), or is over a limit.
import {
  BadRequestError,
  NotImplementedError,
  RequestHeadTooLargeError,
  TargetTooLongError,
} from '../http/errors.js';
import { HeadTooLarge, MalformedMessage, TargetTooLong, UnknownCoding } from './errors.js';

/** The refusal for an error of a reader; any other error is passed on as it is. */
export function faultOf(error: unknown): Error {
  if (error instanceof MalformedMessage) return new BadRequestError(error.message);
  if (error instanceof UnknownCoding) return new NotImplementedError(error.message);
  if (error instanceof HeadTooLarge) return new RequestHeadTooLargeError(error.message);
  if (error instanceof TargetTooLong) return new TargetTooLongError(error.message);
  return error instanceof Error ? error : new Error(String(error));
}
