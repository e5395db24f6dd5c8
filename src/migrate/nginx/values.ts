// nginx's values as our own: sizes, times, switches (src/core/ngx_parse.c).

/** In bytes, of `512`, `64k`, `10m`, `1g`; undefined for anything else. */
export function bytesOf(text: string | undefined): number | undefined {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)$/i.exec(text ?? '') ?? [];
  if (digits === undefined) return undefined;
  const bytes = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** As our own options write it: `64kb`, `10mb`. */
export function showBytes(bytes: number): string {
  for (const [power, unit] of [
    [3, 'gb'],
    [2, 'mb'],
    [1, 'kb'],
  ] as const) {
    const whole = bytes / 1024 ** power;
    if (bytes > 0 && Number.isInteger(whole)) return `${whole}${unit}`;
  }
  return String(bytes);
}

/** nginx's size as ours; undefined where it is none. */
export function sizeOf(text: string | undefined): string | undefined {
  const bytes = bytesOf(text);
  return bytes === undefined ? undefined : showBytes(bytes);
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  M: 30 * 86_400_000,
  y: 365 * 86_400_000,
};

/** In milliseconds, of `60`, `60s`, `1h30m`, `1d 12h`, `30d`; undefined for anything else. */
export function millisecondsOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:ms|[smhdwMy])\s*)*(?:\d+(?:ms|[smhdwMy])?)$/.test(text))
    return undefined;
  const sum = [...text.matchAll(/(\d+)(ms|[smhdwMy])?/g)].reduce(
    (before, [, digits, unit = 's']) => before + Number(digits) * (MILLISECONDS[unit] ?? Number.NaN),
    0,
  );
  return Number.isSafeInteger(sum) ? sum : undefined;
}

/** As our own options write it: `60s`, `10m`, `1h`, `30d`. */
export function showMilliseconds(milliseconds: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const whole = milliseconds / (MILLISECONDS[unit] ?? 1);
    // 60 s are written as such: that is how limits are known.
    if (Number.isInteger(whole) && whole > 0 && (unit !== 'm' || whole > 1)) return `${whole}${unit}`;
  }
  return milliseconds === 0 ? '0s' : `${milliseconds}ms`;
}

/** nginx's time as ours; undefined where it is none. */
export function timeOf(text: string | undefined): string | undefined {
  const milliseconds = millisecondsOf(text);
  return milliseconds === undefined ? undefined : showMilliseconds(milliseconds);
}

/** True where nginx would put something in place of a name: `$host`, `${host}`. */
export function hasVariable(text: string | undefined): boolean {
  return /\$(?:\w|\{)/.test(text ?? '');
}
