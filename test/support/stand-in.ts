/** An app that answers as the test says and keeps what it was asked. */
import type { ServerResponse } from 'node:http';
import type { Test } from 'tap';
import { type Received, type RunningApp, receive, startApp } from './app.js';

/** A request as the app got it, with its body as text. */
export type Seen = Omit<Received, 'body'> & { readonly body: string };

export interface StandIn {
  readonly app: RunningApp;
  /** As `--upstream` takes it. */
  readonly address: string;
  /** Every request so far, in the order in which they were complete. */
  readonly seen: readonly Seen[];
}

/** Starts the app; it is stopped when the test ends. `answer` is called when a request is complete. */
export async function startStandIn(
  t: Test,
  answer: (request: Seen, response: ServerResponse) => void,
): Promise<StandIn> {
  const seen: Seen[] = [];
  const app = await startApp(t, async (request, response) => {
    const received = await receive(request);
    const complete = { ...received, body: received.body.toString() };
    seen.push(complete);
    answer(complete, response);
  });
  return { app, address: app.address, seen };
}
