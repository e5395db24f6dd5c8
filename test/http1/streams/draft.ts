/** A request in parts, each of which can be spoilt, before it becomes bytes. One character is one byte. */

export interface FieldDraft {
  name: string;
  /** The colon with the white space around it. */
  colon: string;
  value: string;
  end: string;
}

export interface Draft {
  /** What stands before the request line. */
  leading: string;
  method: string;
  target: string;
  version: string;
  /** The space on both sides of the target. */
  space: string;
  lineEnd: string;
  fields: FieldDraft[];
  headEnd: string;
  /** The body as it is sent: with its chunks, if it has some. */
  body: string;
}

export function field(name: string, value: string): FieldDraft {
  return { name, colon: ': ', value, end: '\r\n' };
}

/** The first field of this name, or undefined. */
export function fieldOf(draft: Draft, lowerCaseName: string): FieldDraft | undefined {
  return draft.fields.find(({ name }) => name.toLowerCase() === lowerCaseName);
}

/** Takes every field of this name away. */
export function removeField(draft: Draft, lowerCaseName: string): void {
  draft.fields = draft.fields.filter(({ name }) => name.toLowerCase() !== lowerCaseName);
}

/** Sets a field, in the place of the first of its name if there is one. */
export function setField(draft: Draft, name: string, value: string): void {
  const present = fieldOf(draft, name.toLowerCase());
  if (present === undefined) draft.fields.push(field(name, value));
  else present.value = value;
}

/** All that stands before the body. */
export function headOf({ leading, method, space, target, version, lineEnd, fields, headEnd }: Draft): string {
  const lines = fields.map(({ name, colon, value, end }) => name + colon + value + end).join('');
  return leading + method + space + target + space + version + lineEnd + lines + headEnd;
}

export function serialize(draft: Draft): string {
  return headOf(draft) + draft.body;
}
