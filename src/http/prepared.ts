// A response that is sent often: what does not change of it is worked out once, and the version of HTTP that sends it may
// keep what it has made of it. Content lies behind room for a head, so that both can go out in one piece.

/** Room in front of the content, in bytes. */
export const HEADROOM = 1024;

/** See above. */
export class PreparedResponse {
  readonly status: number;
  /** Names and values in turn, without those of each response (Date) and of each connection. */
  readonly fields: readonly string[];
  readonly content: Buffer;
  /** HEADROOM bytes, and then the content. */
  readonly memory: Buffer;
  /** What HTTP/1.1 has made of it. */
  rendered: unknown;

  /** @param fill writes the content into the buffer it is given, all of it */
  constructor(status: number, fields: readonly string[], length: number, fill: (content: Buffer) => void) {
    this.status = status;
    this.fields = fields;
    this.memory = Buffer.allocUnsafeSlow(HEADROOM + length);
    this.content = this.memory.subarray(HEADROOM);
    fill(this.content);
  }
}
