/** Uploaded video and audio: a browser plays them, alone and in a page, and goes to any second of them by a range. */
import type { Browser, Page, Response } from 'playwright-core';
import type { Test } from 'tap';
import { openPage } from '../support/browser.js';
import { silence, withGap } from './long-files.js';
import { sample } from './samples.js';
import { startGuarded } from './sites.js';

const MIB = 1024 * 1024;

const CAPTIONS = 'WEBVTT\n\n00:00.000 --> 00:08.000\nA caption\n';

/** Before anything was played, goes half a second before the end, and plays from there. */
const GO_TO_END = `(async () => {
  const player = document.querySelector('video, audio');
  const event = (name) => new Promise((resolve, reject) => {
    player.addEventListener(name, resolve);
    player.addEventListener('error', () => reject(new Error(player.error.message)));
  });
  player.muted = true;
  if (player.readyState < 1) await event('loadedmetadata');
  const seeked = event('seeked');
  player.currentTime = player.duration - 0.5;
  await seeked;
  const { currentTime, duration, readyState } = player;
  const ended = event('ended');
  await player.play();
  await ended;
  return { left: duration - currentTime, readyState, unplayed: duration - player.currentTime };
})()`;

/** What GO_TO_END tells. */
interface Played {
  /** Seconds to the end, once it went there. */
  readonly left: number;
  readonly readyState: number;
  /** Seconds to the end, once it had played. */
  readonly unplayed: number;
}

export async function player(t: Test, browser: Browser): Promise<void> {
  const short = await sample('video.mp4');
  const long = { 'video.mp4': withGap(short, 32 * MIB), 'audio.wav': silence(600) };
  const { origin } = await startGuarded(
    t,
    {
      'video.mp4': { body: long['video.mp4'] },
      'audio.wav': { body: long['audio.wav'] },
      'short.mp4': { body: short },
      'captions.vtt': { body: CAPTIONS },
    },
    () => ({ body: '<!doctype html><title>The app</title>' }),
    // As over a network: else a busy browser has all of the file before it is told to go to its end.
    ['--limit-rate', '2mb'],
  );
  const page = await openPage(t, browser, { baseURL: origin });
  await page.goto('/');

  for (const [name, { length }] of Object.entries(long)) {
    const tag = name === 'video.mp4' ? 'video' : 'audio';
    await t.test(`goes to the last second of ${name} in a page, by a range`, async (t) => {
      const markup = `<${tag} src="/media/${name}" preload="metadata"></${tag}>`;
      await checkLastSecond(t, page, length, () => page.setContent(markup));
    });
    await t.test(`goes to the last second of ${name} alone, by a range`, async (t) => {
      const alone = await openPage(t, browser, { baseURL: origin });
      await checkLastSecond(t, alone, length, () => alone.goto(`/media/${name}`));
    });
  }

  await t.test('has the captions of a video', async (t) => {
    await page.setContent('<video src="/media/short.mp4"><track default src="/media/captions.vtt"></video>');
    const caption = await page.evaluate(`new Promise((resolve) => {
      const element = document.querySelector('track');
      const answer = () => resolve(element.track.cues?.[0]?.text);
      if (element.readyState >= 2) answer();
      element.onload = element.onerror = answer;
    })`);
    t.equal(caption, 'A caption');
  });
}

/**
 * Goes to the last second of what a page shows, and plays from there.
 * @param length bytes in the file
 */
export async function checkLastSecond(
  t: Test,
  page: Page,
  length: number,
  show: () => Promise<unknown>,
): Promise<void> {
  const starts: number[] = [];
  const note = (response: Response): void => {
    const [, start] = /^bytes (\d+)-/.exec(response.headers()['content-range'] ?? '') ?? [];
    if (response.status() === 206 && start !== undefined) starts.push(Number(start));
  };
  page.on('response', note);
  await show();
  const { left, readyState, unplayed } = await page.evaluate<Played>(GO_TO_END);
  page.off('response', note);
  t.ok(left > 0 && left <= 0.5, 'it is there');
  t.ok(readyState >= 2, 'and has what is to be shown or heard there');
  t.equal(unplayed, 0, 'and plays to the end');
  t.ok(
    starts.some((start) => start > length / 2),
    `which came by a range of its own: ${starts}`,
  );
}
