// A section of lines that ends with an empty line, a head or trailers (RFC 9112 §2.1), put together from the bytes as
// they come. It is bounded: a limit refuses, it never truncates.
import { EMPTY_LINE, LINE_END } from './characters.js';
import { GrowingBuffer } from './growing-buffer.js';

/** Most sections are smaller, in bytes. What is longer costs to be decoded twice. */
const USUAL = 2048;

/** Collects one section after another. Most come in one piece, and are not copied. */
export class Section {
  readonly #limit: number;
  /** Of a section that has not come to its end. */
  readonly #held = new GrowingBuffer();
  /** What it began with, while nothing else is here. */
  #beginning = '';
  /** Of one that has. */
  #text: string | undefined;

  /** @param limit largest section, in bytes, with its empty line */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are here of a section. */
  get length(): number {
    return this.#text?.length ?? (this.#held.length || this.#beginning.length);
  }

  /** What a section that has not come to its end takes, in bytes. */
  get memory(): number {
    return this.#held.capacity;
  }

  /** What is here of a section, one character for each byte. */
  get text(): string {
    return this.#text ?? (this.#held.length > 0 ? this.slice(0) : this.#beginning);
  }

  /** True when there is no room left in a section that has not come to its end. */
  get isFull(): boolean {
    return this.#text === undefined && this.#held.length >= this.#limit;
  }

  /** Some of what has come of a section that has not come to its end. */
  slice(from: number, to?: number): string {
    return this.#held.bytes.toString('latin1', from, to);
  }

  /** Begins a section, with text that counts as its own. */
  begin(text = ''): void {
    this.#beginning = text;
    this.#text = undefined;
    this.#held.clear();
  }

  /**
   * Takes bytes, as many as belong to the section.
   * @returns where they end in `bytes`; -1 when all were taken and the section goes on, or is full
   */
  take(bytes: Buffer, at: number, length: number): number {
    const held = this.#held;
    const before = this.length;
    const to = Math.min(length, at + this.#limit - before);
    if (held.length > 0) {
      held.append(bytes, at, to);
      const emptyLine = held.bytes.indexOf(EMPTY_LINE, Math.max(0, before - EMPTY_LINE.length + 1), 'latin1');
      if (emptyLine < 0) return -1;
      const end = emptyLine + EMPTY_LINE.length;
      this.#text = this.slice(0, end);
      return at + end - before;
    }
    const text = this.#beginning + decode(bytes, at, to);
    const emptyLine = text.indexOf(EMPTY_LINE);
    if (emptyLine < 0) {
      held.append(Buffer.from(text, 'latin1'), 0, text.length);
      return -1;
    }
    const end = emptyLine + EMPTY_LINE.length;
    this.#text = text.length === end ? text : text.slice(0, end);
    return at + end - before;
  }

  /** Where the lines of a complete section end: the empty line begins there. */
  get linesEnd(): number {
    return this.length - LINE_END.length;
  }
}

/** Many small sections may stand one behind another, and each must not cost as much as all that come after it. */
function decode(bytes: Buffer, at: number, to: number): string {
  if (to - at > USUAL) {
    const text = bytes.toString('latin1', at, at + USUAL);
    if (text.includes(EMPTY_LINE)) return text;
  }
  return bytes.toString('latin1', at, to);
}
