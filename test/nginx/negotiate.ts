/** Content negotiation by RFC 9110 §12.5.3, worked out in another way than the product does it. */

/** In the order of preference among those that a client weighs the same. */
export const CODINGS = { br: '.br', zstd: '.zst', gzip: '.gz' } as const;

export type Coding = keyof typeof CODINGS;

/** The weight a field gives a coding: 0 is a refusal; undefined when it does not speak of it. */
export function weightOf(field: string, coding: string): number | undefined {
  const weights = new Map<string, number>();
  for (const member of field.toLowerCase().split(',')) {
    const [name = '', ...parameters] = member.split(';').map((text) => text.trim());
    const [, weight] = /^(?:q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/.exec(parameters.join(';')) ?? [
      undefined,
      'none',
    ];
    // A member that cannot be read says nothing.
    if (weight !== 'none') weights.set(name === 'x-gzip' ? 'gzip' : name, Number(weight ?? 1));
  }
  return weights.get(coding) ?? weights.get('*');
}

/** The coding to send, of those that there are; undefined for none. */
export function choose(field: string, available: readonly Coding[]): Coding | undefined {
  let best: Coding | undefined;
  // A client that does not speak of `identity` takes it, but likes what it asked for better.
  let bestWeight = /\bidentity\b/i.test(field) ? (weightOf(field, 'identity') ?? 0) : 0;
  for (const coding of available) {
    const weight = weightOf(field, coding) ?? 0;
    if (weight > bestWeight || (weight === bestWeight && weight > 0 && best === undefined)) {
      best = coding;
      bestWeight = weight;
    }
  }
  return best;
}
