// What should never be thrown, and was.

/**
 * Reports a defect as any error that nobody has caught, for those who have ended what it befell and go on with all else.
 * The command logs such errors (server/defects.ts); in any other program they have the effect that they have there.
 */
export function reportDefect(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
