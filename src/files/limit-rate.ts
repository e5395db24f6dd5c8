// Pace of a response (nginx: limit_rate, limit_rate_after).

/** Tells how long to wait before more may be sent. */
export interface Pace {
  /** Bytes to send in one go, so that waiting comes in small steps. */
  readonly step: number;
  /**
   * Milliseconds to wait.
   * @param sent bytes of this response so far
   * @param elapsed milliseconds since its first byte
   */
  delay(sent: number, elapsed: number): number;
}

/**
 * @param rate bytes a second; 0 for no limit
 * @param after bytes that are free
 */
export function createPace(rate: number, after: number): Pace | undefined {
  if (rate === 0) return undefined;
  return {
    step: Math.max(1, Math.ceil(rate / 4)),
    delay: (sent, elapsed) => Math.max(0, (Math.max(0, sent - after) * 1000) / rate - elapsed),
  };
}
