// What time it is for a store, which takes no request, and no signed URL, of another time than its own. This machine's clock says
// so until the store says otherwise: by the Date of its answers (RFC 9110 §6.6.1), or by refusing a request for its time.

/** A difference of less is none, in milliseconds: a Date has whole seconds, and travels. */
const SAME_TIME = 60_000;
/** A store refuses a request whose time differs by a quarter of an hour; more than this is worth a word, in milliseconds. */
export const WRONG_CLOCK = 5 * 60_000;
/** For so long a Date is not read again, in milliseconds, nor is a store asked again that has not told the time. */
const READ_AGAIN = 60_000;
/** A store that is asked nothing else is asked for the time when it has not been heard for so long, in milliseconds. */
const ASKED_AGAIN = 15 * 60_000;

/** The clocks as they were when a request was signed. */
export interface Reading {
  /** Of this machine, in milliseconds since the epoch. */
  readonly at: number;
  /** How much later it was for the store, as far as was known, in milliseconds. */
  readonly offset: number;
  /** The monotonic clock, in milliseconds. */
  readonly monotonic: number;
}

/**
 * A store's clock, as the difference to this machine's.
 *
 * It believes a Date that two answers of the store agree on, one after the other, and only until the store refuses what is
 * signed by it: a proxy may write its own. It believes a refusal for the time at once, since the next try shows what it is
 * worth. When this machine's clock is set (seen by the monotonic clock, which is not), the difference is forgotten: who sets a
 * clock sets it right, and after a sleep, which looks the same, it goes on being right. Until the store says otherwise.
 */
export class StoreClock {
  readonly #onWrong: (ahead: number) => void;
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  /** How much later it is for the store, in milliseconds; 0 when it is about the same. */
  #offset = 0;
  /** What one answer says it is, and when that was heard by the monotonic clock. */
  #odd: { readonly offset: number; readonly at: number } | undefined;
  /** What answers say it is, and the store does not go by. */
  #refuted: number | undefined;
  #isInDoubt = false;
  /** By the monotonic clock: when a Date was last read that is understood, and when the store was last to be asked for one. */
  #heardAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Between this machine's two clocks. */
  #gap: number;
  /** The difference that was last worth a word. */
  #told = 0;

  /** @param onWrong is told how much later it is for the store, in milliseconds, when that is worth a word: once */
  constructor(
    onWrong: (ahead: number) => void,
    wall = (): number => Date.now(),
    monotonic = (): number => performance.now(),
  ) {
    this.#onWrong = onWrong;
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#gap = wall() - monotonic();
  }

  /** What time it is for the store, as far as is known, in milliseconds since the epoch. */
  get now(): number {
    const { at, offset } = this.reading();
    return at + offset;
  }

  /** What a request is to be signed by now. */
  reading(): Reading {
    const at = this.#wall();
    const monotonic = this.#monotonic();
    if (!isSame(at - monotonic, this.#gap)) this.#forget(at - monotonic);
    return { at, offset: this.#offset, monotonic };
  }

  /** Whether it wants to hear the next Date: to read all of them would cost more than they tell. */
  get listens(): boolean {
    return this.#isInDoubt || this.#monotonic() - this.#heardAt >= READ_AGAIN;
  }

  /** Whether what was heard last wants another answer that says the same. */
  get isInDoubt(): boolean {
    return this.#isInDoubt;
  }

  /** Whether a store that is asked nothing else is to be asked for the time. */
  get isToBeAsked(): boolean {
    const { monotonic } = this.reading();
    const isKnown = !this.#isInDoubt && monotonic - this.#heardAt < ASKED_AGAIN;
    return !isKnown && monotonic - this.#askedAt >= READ_AGAIN;
  }

  /** The store is being asked for it. */
  asking(): void {
    this.#askedAt = this.#monotonic();
  }

  /**
   * The store has answered, and not refused the request for its time.
   * @param storeTime what its Date says, in milliseconds since the epoch
   * @param signed by what the request was signed
   */
  heard(storeTime: number, signed: Reading): void {
    const { at, monotonic } = this.reading();
    // This machine's clock was set meanwhile, or stood still: nothing is to be learned.
    if (!isSame(at - monotonic, signed.at - signed.monotonic)) return;
    // The Date was written at some time between then and now: it says what is nearest to what is known.
    const said = Math.min(Math.max(this.#offset, storeTime - at), storeTime - signed.at);
    if (isSame(said, this.#offset)) {
      if (this.#isInDoubt && signed.offset !== this.#offset) return;
      this.#settle(at, monotonic);
      this.#tell();
    } else if (this.#refuted !== undefined && isSame(said, this.#refuted)) {
      this.#settle(at, monotonic);
    } else if (this.#odd === undefined || !isSame(said, this.#odd.offset)) {
      this.#odd = { offset: said, at: monotonic };
      this.#isInDoubt = true;
    } else if (signed.monotonic >= this.#odd.at) {
      this.#set(said);
    }
  }

  /**
   * The store has refused a request for its time.
   * @param storeTime what the Date says, in milliseconds since the epoch; undefined when there is none
   * @param signed by what the request was signed
   * @returns false when another try would be signed by the same time
   */
  refused(storeTime: number | undefined, signed: Reading): boolean {
    const { at, offset, monotonic } = this.reading();
    const now = at + offset;
    // Another request has found out already, or the clock was set.
    if (!isSame(now, signed.at + signed.offset + monotonic - signed.monotonic)) return true;
    if (storeTime !== undefined && !isSame(storeTime, now)) {
      this.#refuted = undefined;
      this.#set(storeTime - at);
      return true;
    }
    if (offset === 0) return false;
    // It does not go by the time that its answers tell.
    this.#set(0);
    this.#refuted = offset;
    return true;
  }

  #set(offset: number): void {
    this.#offset = isSame(offset, 0) ? 0 : offset;
    this.#odd = undefined;
    this.#isInDoubt = true;
  }

  #settle(at: number, monotonic: number): void {
    this.#odd = undefined;
    this.#isInDoubt = false;
    this.#heardAt = monotonic;
    this.#gap = at - monotonic;
  }

  #forget(gap: number): void {
    this.#set(0);
    this.#refuted = undefined;
    this.#isInDoubt = false;
    this.#heardAt = Number.NEGATIVE_INFINITY;
    this.#askedAt = Number.NEGATIVE_INFINITY;
    this.#gap = gap;
  }

  #tell(): void {
    if (Math.abs(this.#offset) < WRONG_CLOCK || Math.abs(this.#offset - this.#told) < WRONG_CLOCK) return;
    this.#told = this.#offset;
    this.#onWrong(this.#offset);
  }
}

/** Whether two times, or differences of times, are as good as one. */
function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) < SAME_TIME;
}
