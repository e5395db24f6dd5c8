/** Judges one answer of the app's: what parsers read in it, and what they read in what the client got. */
import type { Answer } from '../streams/answer-reader.js';
import { AnswerReader } from '../streams/answer-reader.js';
import { type Fields, INCOMPLETE, membersOf, type Refusal } from '../streams/message.js';
import type { AnswerReading, PythonJudges } from '../streams/python-judges.js';
import type { AppAnswer } from './generate.js';
import { REFUSED, type Rule, SERVED } from './rules.js';

/** What the client got. */
export interface Got {
  readonly bytes: Buffer;
  /** `reset` is seen as such by the client; `silence` means that it had to end the connection itself. */
  readonly end: 'closed' | 'reset' | 'silence';
}

/** An answer as it was read from both sides by both parsers. */
export interface Evidence {
  readonly answer: AppAnswer;
  readonly got: Got;
  readonly app: Readings;
  readonly client: Readings;
}

export interface Readings {
  readonly llhttp: Read | (Refusal & { readonly partialBody?: string | undefined });
  readonly h11: AnswerReading;
}

type Read = Pick<Answer, 'status' | 'fields' | 'trailers' | 'body' | 'interim'>;

export interface Verdict {
  readonly faults: readonly string[];
  readonly rules: readonly Rule[];
  readonly outcome: 'passed on' | 'refused' | 'cut';
}

export async function examine(answer: AppAnswer, got: Got, judges: PythonJudges): Promise<Evidence> {
  const { method, bytes, end } = answer;
  const [app, client] = await Promise.all([
    judges.readAnswer(bytes, method, end === 'closed'),
    judges.readAnswer(got.bytes, method, got.end === 'closed'),
  ]);
  return {
    answer,
    got,
    app: { llhttp: readWithLlhttp(bytes, method, end === 'closed'), h11: app },
    client: { llhttp: readWithLlhttp(got.bytes, method, got.end === 'closed'), h11: client },
  };
}

function readWithLlhttp(bytes: Buffer, method: string, isClosed: boolean): Readings['llhttp'] {
  const reader = new AnswerReader(() => method === 'HEAD');
  reader.push(bytes);
  const { partialBody } = reader;
  if (isClosed) reader.finish();
  const [first] = reader.answers;
  return first ?? { refusal: reader.fault ?? INCOMPLETE, partialBody };
}

/** Says this of itself, when the app's answer is none, or none came. */
const OURS = /^50[24]$/;

export function judge(evidence: Evidence): Verdict {
  const { got, app, client } = evidence;
  const faults: string[] = [];
  const rules: Rule[] = [];
  if (got.end === 'silence') faults.push('the client waits for an end that does not come');
  if (got.bytes.length === 0) faults.push('the client got nothing at all, not even a 502');
  const { llhttp } = client;
  if ('interim' in llhttp && llhttp.interim.length > 0 && evidence.answer.version === '1.0') {
    faults.push('interim answers are sent to a client of HTTP/1.0 (RFC 9110 §15.2)');
  }
  const atClient = agreed(client);
  if (typeof atClient === 'string') {
    if (atClient !== '') faults.push(`what the client got is not read alike: ${atClient}`);
    const lost = lostBeforeTheCut(evidence);
    if (lost !== undefined) faults.push(lost);
    explain(evidence, 'cut', faults, rules);
    return { faults, rules, outcome: 'cut' };
  }
  if (OURS.test(String(atClient.status))) {
    explain(evidence, 'refused', faults, rules);
    return { faults, rules, outcome: 'refused' };
  }
  for (const parser of ['llhttp', 'h11'] as const) {
    const reading = app[parser];
    const fault = 'refusal' in reading ? `does not read it: ${reading.refusal}` : changed(reading, atClient);
    if (fault === undefined) continue;
    const rule = SERVED.find((rule) => rule.parser === parser && rule.applies(evidence.answer));
    if (rule === undefined)
      faults.push(`it was passed on as complete, and ${parser}, from the app's bytes, ${fault}`);
    else rules.push(rule);
  }
  const against = REFUSED.find((rule) => rule.applies(evidence.answer));
  if (against !== undefined) faults.push(`it was passed on, against a rule: ${against.name}`);
  return { faults, rules, outcome: 'passed on' };
}

const HUGE_CHUNK = /\n0*[1-9a-f][\da-f]{12}/i;

/** An app that breaks off within its content: its client gets all that came of it. A reset may have been faster. */
function lostBeforeTheCut({ answer, app, client }: Evidence): string | undefined {
  if (answer.end === 'reset' || !('refusal' in app.llhttp) || !('refusal' in client.llhttp)) return undefined;
  const [sent, got] = [app.llhttp.partialBody, client.llhttp.partialBody];
  const isWellFormed =
    sent !== undefined && /^(?:incomplete|HPE_INVALID_EOF_STATE|HPE_CLOSED)/.test(app.llhttp.refusal);
  // Such a chunk is larger than any disk.
  if (HUGE_CHUNK.test(answer.bytes.toString('latin1'))) return undefined;
  if (!isWellFormed || sent === got) return undefined;
  return `of ${sent.length} bytes of content the client got ${got?.length ?? 'none'}`;
}

/** What was not passed on: if all parsers read it, a rule says why not. A reset may have been faster than the bytes. */
function explain({ answer, app }: Evidence, how: string, faults: string[], rules: Rule[]): void {
  const read = agreed(app);
  if (typeof read === 'string' || answer.end === 'reset') return;
  const rule = REFUSED.find((rule) => rule.applies(answer));
  if (rule === undefined) faults.push(`it is ${how}, all parsers read it, and no rule says why`);
  else rules.push(rule);
}

/** The answer that both parsers read; as text why there is none, which is empty when neither reads a whole one. */
function agreed({ llhttp, h11 }: Readings): Omit<Read, 'interim'> | string {
  if ('refusal' in llhttp && 'refusal' in h11) return '';
  if ('refusal' in llhttp) return `llhttp refuses it: ${llhttp.refusal}`;
  if ('refusal' in h11) return `h11 refuses it: ${h11.refusal}`;
  for (const part of ['status', 'body', 'fields', 'trailers'] as const) {
    const [one, other] = [llhttp, h11].map((read) =>
      part === 'fields' ? JSON.stringify(withoutFraming(read.fields)) : JSON.stringify(read[part]),
    );
    if (one !== other) return `${part}: ${one} and ${other}`;
  }
  return llhttp;
}

const FRAMING = /^(?:content-length|transfer-encoding)$/;

function withoutFraming(fields: Fields): Fields {
  return fields.filter(([name]) => !FRAMING.test(name));
}

/** Fields of one connection, those by which the body is framed anew, and those that this server says itself. */
const OF_CONNECTION =
  /^(?:connection|keep-alive|proxy-connection|te|transfer-encoding|content-length|upgrade|server|date|trailer)$/;
const END_TO_END = /^(?:set-cookie|cache-control|expires|vary|etag|location|content-.*|x-accel-.*)$/;

function passed(read: Pick<Read, 'fields'>): string {
  const nominated = new Set(membersOf(read, 'connection').filter((name) => !END_TO_END.test(name)));
  const kept = read.fields.filter(([name]) => !OF_CONNECTION.test(name) && !nominated.has(name));
  return JSON.stringify(kept);
}

/** What the client got otherwise than the app wrote it. */
function changed(written: Omit<Read, 'interim'>, got: Omit<Read, 'interim'>): string | undefined {
  if (written.status !== got.status)
    return `reads the status ${written.status} where the client got ${got.status}`;
  if (written.body !== got.body) {
    return `reads another body: ${JSON.stringify(written.body)} where the client got ${JSON.stringify(got.body)}`;
  }
  const [mine, theirs] = [passed(written), passed(got)];
  if (mine !== theirs) return `reads other fields: ${mine} where the client got ${theirs}`;
  const areTrailersPassed =
    got.trailers.length === 0 || JSON.stringify(got.trailers) === JSON.stringify(written.trailers);
  return areTrailersPassed ? undefined : 'reads other trailers';
}
