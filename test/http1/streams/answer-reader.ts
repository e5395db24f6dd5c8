/** Reads a connection's answers with llhttp. */
import { HTTPParser } from 'node:_http_common';
import { fieldsOf } from './llhttp.js';
import type { Fields } from './message.js';

/** One answer that is not interim, or a switch to another protocol. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly fields: Fields;
  readonly trailers: Fields;
  readonly body: string;
  /** The interim answers before it. */
  readonly interim: readonly { readonly status: number; readonly fields: Fields }[];
  /** False when the connection is to end behind it. */
  readonly keepsAlive: boolean;
}

/** Larger than any head here, in bytes. */
const LONGEST_HEAD = 1024 * 1024;

export class AnswerReader {
  readonly answers: Answer[] = [];
  /** What is wrong with the bytes; undefined when they are answers so far. */
  fault: string | undefined;
  /** True while an answer has begun and is not complete. */
  isWithin = false;
  readonly #parser = new HTTPParser();
  /** What came behind 101. */
  readonly switched: Buffer[] = [];
  #raw: string[] = [];
  #head: Omit<Answer, 'trailers' | 'body' | 'interim'> | undefined;
  #trailers: string[] = [];
  #body: string[] = [];
  #interim: { status: number; fields: Fields }[] = [];
  #isSwitched = false;

  /** @param isHead whether the answer of this number, counted from 0, is one to HEAD */
  constructor(isHead: (place: number) => boolean) {
    const parser = this.#parser;
    parser.initialize(HTTPParser.RESPONSE, {}, LONGEST_HEAD, HTTPParser.kLenientNone);
    parser[HTTPParser.kOnHeaders] = (raw: string[]): void => {
      if (this.#head === undefined) this.#raw.push(...raw);
      else this.#trailers.push(...raw);
    };
    parser[HTTPParser.kOnHeadersComplete] = (...args: AnswerHead): number => {
      const [major, minor, raw, , , status, reason, , keepsAlive] = args;
      const fields = fieldsOf([...this.#raw, ...(raw ?? [])]);
      this.#raw = [];
      this.#head = { status, reason, version: `${major}.${minor}`, fields, keepsAlive };
      if (status < 200) return 0;
      return isHead(this.answers.length) ? 1 : 0;
    };
    parser[HTTPParser.kOnBody] = (body: Buffer): void => {
      this.#body.push(body.toString('latin1'));
    };
    parser[HTTPParser.kOnMessageComplete] = (): void => this.#complete();
  }

  /** What is here of the body of an answer that is not complete; undefined before its head is. */
  get partialBody(): string | undefined {
    return this.#head === undefined || this.#head.status < 200 ? undefined : this.#body.join('');
  }

  push(bytes: Buffer): void {
    if (this.fault !== undefined) return;
    if (this.#isSwitched) {
      this.switched.push(bytes);
      return;
    }
    this.isWithin = true;
    const result = this.#parser.execute(bytes);
    if (typeof result !== 'number') this.fault = `${result.code}: ${result.reason ?? result.message}`;
    else if (result < bytes.length && this.#isSwitched) this.switched.push(bytes.subarray(result));
  }

  /** The connection has ended, in order. */
  finish(): void {
    if (this.fault !== undefined || this.#isSwitched) return;
    const result = this.#parser.finish();
    if (result instanceof Error) this.fault = `${result.code}: ${result.reason ?? result.message}`;
  }

  #complete(): void {
    const head = this.#head;
    if (head === undefined) return;
    this.#head = undefined;
    const isInterim = head.status < 200 && head.status !== 101;
    if (isInterim) this.#interim.push(head);
    else {
      const [body, trailers] = [this.#body.join(''), fieldsOf(this.#trailers)];
      this.answers.push({ ...head, body, trailers, interim: this.#interim });
      this.#interim = [];
    }
    this.isWithin = false;
    this.#isSwitched = head.status === 101;
    this.#body = [];
    this.#trailers = [];
  }
}

type AnswerHead = [
  major: number,
  minor: number,
  raw: string[] | undefined,
  method: number,
  url: string | undefined,
  status: number,
  reason: string,
  isUpgrade: boolean,
  keepsAlive: boolean,
];
