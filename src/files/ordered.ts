// A file that the app ordered is sent with the app's fields in place of the location's own (nginx: X-Accel-Redirect).
import { fieldValue, replaceFields, withoutFields } from '../http/fields.js';
import type { Order } from '../http/order.js';
import { ownString } from '../http/own-string.js';
import type { Describe, Representation } from './representation.js';

/** Cached files as they were offered last with a type of the app's: most apps name the same one each time. */
const withType = new WeakMap<Representation, Representation>();

/** The file as the app wants it offered. */
export function describeOrdered(
  representation: Representation,
  { fields }: Order,
  describe: Describe,
): Representation {
  const contentType = fieldValue(fields, 'content-type');
  const described =
    contentType === undefined ? representation : describeAs(contentType, representation, describe);
  const rest = withoutFields(fields, ['Content-Type', '']);
  // Expires would be overruled by our own Cache-Control.
  const dropped = fieldValue(rest, 'expires') === undefined ? [] : ['Cache-Control', ''];
  return {
    ...described,
    fields: replaceFields(withoutFields(described.fields, dropped), rest),
    contentFields: withoutFields(described.contentFields, rest),
  };
}

function describeAs(contentType: string, representation: Representation, describe: Describe): Representation {
  const last = withType.get(representation);
  if (last?.contentType === contentType) return last;
  const described = describe({ ...representation.file, contentType: ownString(contentType) });
  withType.set(representation, described);
  return described;
}
