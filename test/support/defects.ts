/** Defects that the code under test reports (http/defect.ts): they would end the test. */
import type { Test } from 'tap';

/** Collects the messages of what is thrown in later ticks, until the test ends. */
export function collectDefects(t: Test): readonly string[] {
  const thrown: string[] = [];
  const { nextTick } = process;
  t.intercept(process, 'nextTick', {
    // Others use ticks, too.
    value: (task: (...args: unknown[]) => void, ...args: unknown[]) =>
      nextTick(() => {
        try {
          task(...args);
        } catch (error) {
          thrown.push((error as Error).message);
        }
      }),
  });
  return thrown;
}
