/** Judges one stream: what was sent, how each parser reads it, what was answered, and what reached the app. */

import type { Answer } from './answer-reader.js';
import { type End, isUnread, type Sent } from './client.js';
import { faultsAtApp } from './forwarded.js';
import { FILES, type Stream } from './generate.js';
import { type LlhttpReading, type LlhttpRequest, methodOf, type PartialRequest } from './llhttp.js';
import { difference, isRefusal, membersOf, type ReadRequest, valuesOf } from './message.js';
import type { PythonReadings } from './python-judges.js';
import type { Received } from './recorder.js';
import type { Judged, ReaderRule, Rule } from './rule.js';
import { CLOSED, EARLY, REFUSED, RULES_OF_STAND_INS, SERVED } from './rules.js';

/** Everything that is known of a stream. */
export interface Evidence {
  readonly stream: Pick<Stream, 'bytes' | 'cuts'>;
  /** The address that it came from. */
  readonly client: string;
  readonly llhttp: LlhttpReading;
  readonly python: PythonReadings;
  readonly sent: Sent;
  readonly received: readonly Received[];
  /** Requests of which the app got only the beginning. */
  readonly partial: readonly PartialRequest[];
}

export interface Verdict {
  readonly faults: readonly string[];
  /** The rules that explain what would have been a fault. */
  readonly rules: readonly Rule[];
  readonly served: number;
  readonly refused: boolean;
}

export function judge(evidence: Evidence): Verdict {
  return new Trial(evidence).hold();
}

class Trial {
  readonly #evidence: Evidence;
  readonly #faults: string[] = [];
  readonly #rules: Rule[] = [];
  /** What reached the app and has not been found in an answer yet. */
  readonly #received: Received[];

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#received = [...evidence.received];
  }

  hold(): Verdict {
    const { sent } = this.#evidence;
    const { answers } = sent;
    const unread = answers.findIndex(
      ({ status }, place) => isUnread(status) || this.#isTunnelRefused(status, place),
    );
    const served = unread < 0 ? answers : answers.slice(0, unread);
    if (sent.fault !== undefined) this.#faults.push(`the answers cannot be read: ${sent.fault}`);
    if (sent.end === 'never')
      this.#faults.push('the server does not close a connection that its client has ended');
    if (unread >= 0 && answers.length > unread + 1)
      this.#faults.push('something is answered behind a refusal');
    for (const [place, answer] of served.entries()) this.#judgeServed(place, answer);
    const isLast = served.at(-1)?.status === 101;
    if (!isLast) this.#judgeNext(served.length, answers[unread]?.status, sent.end);
    this.#judgeRest(served.length);
    return { faults: this.#faults, rules: this.#rules, served: served.length, refused: unread >= 0 };
  }

  #isTunnelRefused(status: number, place: number): boolean {
    const { llhttp, stream } = this.#evidence;
    return status === 405 && methodOf(llhttp, stream.bytes, place) === 'CONNECT';
  }

  /** A request that was served: every parser reads it alike, and so did the app. */
  #judgeServed(place: number, answer: Answer): void {
    const { llhttp, client } = this.#evidence;
    const request = llhttp.requests[place];
    const serial = firstValue(answer, 'x-app');
    this.#judgeInterim(place, answer);
    if (request === undefined) {
      this.#judgeEarly(place, answer, serial);
      return;
    }
    if (answer.status >= 500) this.#faults.push(`answer ${place} is ${answer.status}`);
    for (const standIn of request.standIns) this.#rules.push(RULES_OF_STAND_INS[standIn]);
    for (const parser of ['h11', 'httptools'] as const) this.#judgeReading(place, parser, request);
    this.#judgeEnd(place);
    if (serial === undefined) {
      const fault = faultOfFile(request, answer);
      if (fault !== undefined) this.#faults.push(`answer ${place}: ${fault}`);
      return;
    }
    const judged = this.#judged(place);
    const rule = judged && REFUSED.find((rule) => rule.applies(judged));
    if (rule !== undefined) this.#faults.push(`request ${place} was passed on, against a rule: ${rule.name}`);
    const received = this.#received.shift();
    if (received === undefined || String(received.serial) !== serial) {
      this.#faults.push(
        `answer ${place} is that of request ${serial} at the app, and ${received?.serial} is next`,
      );
      return;
    }
    const faults = faultsAtApp(request, received.request, client);
    this.#faults.push(...faults.map((fault) => `request ${place}: ${fault}`));
    if (answer.status === 101) this.#judgeSwitch(request, received);
  }

  /** RFC 9110 §10.1.1: 100 comes once, to a client of HTTP/1.1 that has asked for it. The app here sends none. */
  #judgeInterim(place: number, { interim }: Answer): void {
    const { requests, partial } = this.#evidence.llhttp;
    const request = requests[place] ?? partial;
    const isAsked = request?.version === '1.1' && membersOf(request, 'expect').includes('100-continue');
    const statuses = interim.map(({ status }) => status);
    if (statuses.length > (isAsked ? 1 : 0) || statuses.some((status) => status !== 100))
      this.#faults.push(`before answer ${place} comes ${statuses.join(', ')}`);
  }

  /** An answer to a request whose body is not complete, or malformed: not the app's, and the last one. */
  #judgeEarly(place: number, { status }: Answer, serial: string | undefined): void {
    const { llhttp, sent } = this.#evidence;
    const isLast = place === sent.answers.length - 1;
    const isOurs = serial === undefined && status < 500;
    const isEarly = place === llhttp.requests.length && llhttp.partial !== undefined && isOurs;
    if (isEarly && isLast) this.#rules.push(EARLY);
    else
      this.#faults.push(
        `answer ${place} (${status}) is to a request that llhttp does not read: ${llhttp.rest}`,
      );
  }

  #judgeReading(place: number, parser: 'h11' | 'httptools', request: LlhttpRequest): void {
    const reading = this.#evidence.python[parser];
    const other = reading.requests[place];
    const fault =
      other === undefined
        ? `does not read it: ${reading.rest}`
        : isRefusal(other)
          ? `refuses it: ${other.refusal}`
          : prefixed('reads it otherwise than llhttp: ', difference(request.given, other));
    if (fault === undefined) return;
    const judged = this.#judged(place);
    const rule = judged && SERVED.find((rule) => rule.parser === parser && rule.applies(judged));
    if (rule === undefined) this.#faults.push(`request ${place} was served, and ${parser} ${fault}`);
    else this.#rules.push(rule);
  }

  /** Nothing is served behind a request with which a parser would have ended the connection. */
  #judgeEnd(place: number): void {
    const judged = place === 0 ? undefined : this.#judged(place - 1);
    if (judged === undefined) return;
    for (const [parser, closes] of this.#endings(place - 1)) {
      if (closes !== true) continue;
      const rule: ReaderRule | undefined = SERVED.find(
        (rule) => rule.parser === parser && rule.applies(judged),
      );
      if (rule === undefined) {
        this.#faults.push(
          `request ${place} was served, though ${parser} ends the connection behind the one before`,
        );
      } else this.#rules.push(rule);
    }
  }

  #endings(place: number): (readonly [parser: ReaderRule['parser'], closes: boolean | undefined])[] {
    const { llhttp, python } = this.#evidence;
    const closes = (read: ReadRequest | { refusal: string } | undefined): boolean | undefined =>
      read === undefined || isRefusal(read) ? undefined : read.closes;
    return [
      ['llhttp', closes(llhttp.requests[place])],
      ['h11', closes(python.h11.requests[place])],
      ['httptools', closes(python.httptools.requests[place])],
    ];
  }

  /** The first request that was not served: if every parser reads it, a rule says why not. */
  #judgeNext(place: number, status: number | undefined, end: End): void {
    const judged = this.#judged(place, status);
    if (judged === undefined || judged.request.standIns.length > 0 || !this.#isReadAlike(place)) return;
    if (place > 0 && status === undefined && this.#endings(place - 1).some(([, closes]) => closes === true))
      return;
    const isEnded = status === undefined && place > 0 && end === 'server';
    const before = isEnded ? this.#judged(place - 1) : undefined;
    const saysSo = this.#evidence.sent.answers[place - 1]?.keepsAlive === false;
    // A body that is refused while its answer is on its way ends the connection without a word.
    const rules = saysSo ? CLOSED : REFUSED;
    if (before !== undefined) {
      const rule = rules.find((rule) => rule.applies(before));
      if (rule === undefined)
        this.#faults.push(`the connection ends behind answer ${place - 1}, and no rule says why`);
      else this.#rules.push(rule);
      return;
    }
    const rule = REFUSED.find((rule) => rule.applies(judged));
    if (rule !== undefined) this.#rules.push(rule);
    else {
      const how =
        status === undefined ? `left without an answer (the end: ${end})` : `refused with ${status}`;
      this.#faults.push(`request ${place} is ${how}, every parser reads it, and no rule says why`);
    }
  }

  #isReadAlike(place: number): boolean {
    const { llhttp, python } = this.#evidence;
    const request = llhttp.requests[place];
    if (request === undefined) return false;
    return [python.h11, python.httptools].every(({ requests }) => {
      const other = requests[place];
      return other !== undefined && !isRefusal(other) && difference(request.given, other) === undefined;
    });
  }

  /** What reached the app without being answered: the client left, or the rest of its body was not there. */
  #judgeRest(from: number): void {
    const { llhttp, client, partial, sent } = this.#evidence;
    const wasRefused = sent.answers.some(({ status }) => isUnread(status));
    for (const [offset, { request, serial }] of this.#received.entries()) {
      const place = from + offset;
      const meant = llhttp.requests[place];
      if (wasRefused)
        this.#faults.push(`request ${serial} reached the app whole, and the client was told otherwise`);
      else if (meant === undefined) this.#faults.push(`request ${serial} at the app is none of the client's`);
      else {
        const faults = faultsAtApp(meant, request, client);
        this.#faults.push(...faults.map((fault) => `request ${place} (not answered): ${fault}`));
      }
    }
    for (const part of partial) {
      const meant = llhttp.requests[from] ?? llhttp.partial;
      if (meant === undefined) {
        this.#faults.push('the app got a part of a request whose head no parser reads');
        continue;
      }
      if (!meant.body.startsWith(part.body))
        this.#faults.push("the app got a part of a body that is not the client's");
      const faults = faultsAtApp({ ...meant, body: part.body }, whole(part), client);
      this.#faults.push(...faults.map((fault) => `the app got a part of request ${from}: ${fault}`));
    }
  }

  /** Everything behind the request belongs to the other protocol, and reaches the app as it is. */
  #judgeSwitch(request: LlhttpRequest, { connection }: Received): void {
    if (!membersOf(request, 'connection').includes('upgrade') || request.version !== '1.1') {
      this.#faults.push('the protocol was switched for a client that did not ask for it (RFC 9110 §7.8)');
    }
    const behind = this.#evidence.stream.bytes.subarray(request.end);
    if (connection.tunnel?.equals(behind) !== true) {
      const got = connection.tunnel?.length;
      this.#faults.push(`of ${behind.length} bytes behind the switch the app got ${got} or others`);
    }
  }

  #judged(place: number, status?: number): Judged | undefined {
    const { llhttp, stream } = this.#evidence;
    const request = llhttp.requests[place];
    if (request === undefined) return undefined;
    return { request, raw: stream.bytes.toString('latin1', request.start, request.end), status };
  }
}

function whole(partial: PartialRequest): ReadRequest {
  return { ...partial, trailers: [], closes: undefined, end: undefined };
}

function prefixed(prefix: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : prefix + text;
}

function firstValue(answer: Answer, name: string): string | undefined {
  return valuesOf(answer, name)[0];
}

/** A file's answer tells by its content which target was read. */
function faultOfFile({ method, target }: LlhttpRequest, { status, body }: Answer): string | undefined {
  const path = target.replace(/^http:\/\/[^/]*/i, '').replace(/[?#].*$/s, '');
  // The server as a whole, which the app is not asked about (RFC 9110 §4.2.3, §9.3.7).
  if (method === 'OPTIONS' && /^(?:\*|https?:\/\/[^/?#]*)$/i.test(target)) {
    return status === 204 && body === '' ? undefined : `${status} for what the server can do`;
  }
  if (!/^\/+media\b/.test(path) && !/%|\/\.|\/\//.test(path)) return `${status} is not the app's`;
  const content = FILES[path.replace('/media/', '')];
  if (content === undefined || method !== 'GET' || status !== 200) return undefined;
  return body === content ? undefined : `the content of another file than ${path}`;
}
