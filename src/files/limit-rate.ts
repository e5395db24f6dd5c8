// The rate of a response (nginx: limit_rate, limit_rate_after).

/** Tells how long to wait before more may be sent. */
export interface RateLimiter {
  /**
   * Most bytes to send in one go: all that is free, and then what makes waiting come in small steps.
   * @param sent bytes of this response so far
   */
  step(sent: number): number;
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
export function createRateLimiter(rate: number, after: number): RateLimiter | undefined {
  if (rate === 0) return undefined;
  // Four pieces a second, whatever the rate: what they cost is bounded, and no client waits long for a byte.
  const quarter = Math.ceil(rate / 4);
  return {
    step: (sent) => Math.max(after - sent, quarter),
    delay: (sent, elapsed) => Math.max(0, (Math.max(0, sent - after) * 1000) / rate - elapsed),
  };
}
