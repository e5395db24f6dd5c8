// Readers that have a connection while others wait for one: a few dozen of them, on a slow network or of a film, would shut the
// bucket for everybody. Of most bodies the connection is only lent; where it cannot be taken back, since nothing tells the object's
// versions apart, some readers that take nothing may keep theirs, and no more.
import type { ObjectBody } from './body.js';
import type { LentBody } from './lent-body.js';
import type { S3Limits } from './limits.js';

/** The bodies that have a connection. */
export class SlowReaders {
  readonly #limits: Pick<S3Limits, 'idleFor' | 'lentFor' | 'keptFor' | 'maxConnections'>;
  readonly #lent = new Set<LentBody>();
  /** Those that cannot be taken back, each with what cuts it. */
  readonly #kept = new Map<ObjectBody, () => void>();

  constructor(limits: Pick<S3Limits, 'idleFor' | 'lentFor' | 'keptFor' | 'maxConnections'>) {
    this.#limits = limits;
  }

  /** Adds a body that can be taken back. Returns what is to be called when its connection is free. */
  addLent(body: LentBody): () => void {
    this.#lent.add(body);
    return () => this.#lent.delete(body);
  }

  /**
   * Adds a body that cannot. Returns what is to be called when its connection is free.
   * @param cut breaks it off
   */
  addKept(body: ObjectBody, cut: () => void): () => void {
    this.#kept.set(body, cut);
    return () => this.#kept.delete(body);
  }

  /**
   * Gives connections to those who wait for one.
   * @param waiting how many do
   */
  makeRoom(waiting: number): void {
    const { idleFor, lentFor } = this.#limits;
    const before = performance.now() - lentFor;
    const idle = (body: LentBody): boolean => isIdle(body, idleFor);
    const wanted = this.#takeBack(this.#takeBack(waiting, idle), ({ lentSince }) => lentSince <= before);
    if (wanted > 0) this.#cutKept(wanted);
  }

  /** Takes connections back, of those that have had theirs longest first. Returns how many are still wanted. */
  #takeBack(wanted: number, mayBe: (body: LentBody) => boolean): number {
    let left = wanted;
    for (const body of this.#lent) {
      if (left === 0) break;
      if (!mayBe(body)) continue;
      left -= 1;
      body.takeBack();
    }
    return left;
  }

  #cutKept(wanted: number): void {
    const idle = [...this.#kept.keys()].filter((body) => isIdle(body, this.#limits.keptFor));
    const tooMany = idle.length - Math.ceil(this.#limits.maxConnections / 2);
    if (tooMany <= 0) return;
    idle.sort((one, other) => (one.pausedSince ?? 0) - (other.pausedSince ?? 0));
    for (const body of idle.slice(0, Math.min(tooMany, wanted))) this.#kept.get(body)?.();
  }
}

/** Whether a reader has taken nothing for so long, in milliseconds, with bytes at hand. */
function isIdle({ pausedSince }: Pick<ObjectBody, 'pausedSince'>, time: number): boolean {
  return pausedSince !== undefined && pausedSince <= performance.now() - time;
}
