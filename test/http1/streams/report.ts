/** Tells of a stream that was judged to be wrong, with all that is needed to see why and to run it again. */
import { piecesOf } from './client.js';
import { isRefusal, type Reading, show } from './message.js';
import type { Judgement } from './stand.js';

export function tell(title: string, { evidence, verdict }: Judgement): string {
  const { stream, llhttp, python, sent, received, partial } = evidence;
  const answers = sent.answers.map(({ status, fields, body }) => {
    const app = fields.find(([name]) => name === 'x-app')?.[1];
    return `  ${status}${app === undefined ? ` (ours) ${show(body, 80)}` : ` (the app's, request ${app} there)`}`;
  });
  return [
    title,
    ...verdict.faults.map((fault) => `✗ ${fault}`),
    'the stream, as it was cut into TCP writes:',
    `  ${piecesOf(stream.bytes, stream.cuts)
      .map((piece) => show(piece.toString('latin1')))
      .join(' + ')}`,
    ...tellReading('llhttp', llhttp),
    ...tellReading('h11', python.h11),
    ...tellReading('httptools', python.httptools),
    `answered (and the end came from: ${sent.end}):`,
    ...answers,
    ...(sent.fault === undefined ? [] : [`  byte for byte: ${show(sent.bytes.toString('latin1'))}`]),
    'the app got:',
    ...received.map(({ serial, request, connection }) => {
      const before = connection.requests.at(connection.requests.indexOf(request) - 1);
      const start = connection.requests.indexOf(request) === 0 ? 0 : (before?.end ?? 0);
      return `  ${serial}: ${show(connection.bytes.toString('latin1', start, request.end))}`;
    }),
    ...partial.map((part) => `  a part of ${show(JSON.stringify(part))}`),
    ...received.flatMap(({ connection: { tunnel } }) =>
      tunnel === undefined ? [] : [`  behind the switch: ${show(tunnel.toString('latin1'))}`],
    ),
  ].join('\n');
}

function tellReading(parser: string, { requests, rest }: Reading): string[] {
  return [
    `${parser} reads:`,
    ...requests.map((request) => {
      if (isRefusal(request)) return `  refused: ${request.refusal}`;
      const { method, target, version, fields, trailers, body, closes, end } = request;
      const parts = [method, show(target, 200), version, show(JSON.stringify(fields), 600), show(body, 300)];
      const more = [
        trailers.length > 0 ? `trailers ${JSON.stringify(trailers)}` : '',
        closes ? 'closes' : '',
      ];
      return `  ${[...parts, ...more, end === undefined ? '' : `to byte ${end}`].filter((part) => part !== '').join(' ')}`;
    }),
    `  then: ${rest}`,
  ];
}
