// A part of a body on its way, in memory that is lent.

/** Bytes, and the memory they lie in. */
export interface Piece {
  readonly bytes: Buffer;
  /** Their memory may be used again: nothing reads from it any more. */
  release(): void;
}
