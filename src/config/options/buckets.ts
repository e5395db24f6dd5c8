// Files in object storage: S3, and what speaks like it.
import { endpoint, region } from '../root.js';
import { oneOf, onOff } from '../values.js';
import { option } from './option.js';

export const BUCKETS = {
  s3Endpoint: option({
    type: endpoint,
    contexts: ['server', 'media', 'static', 'internal'],
    environment: ['AWS_S3_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
    onlyFor: 'bucket',
    doc: 'the address of a store that is not AWS, such as `https://fra1.digitaloceanspaces.com`, `http://minio:9000`, without the bucket in it',
  }),
  s3Region: option({
    type: region,
    contexts: ['server', 'media', 'static', 'internal'],
    environment: ['AWS_S3_REGION_NAME', 'AWS_REGION', 'AWS_DEFAULT_REGION'],
    onlyFor: 'bucket',
    doc: 'the region that the bucket is in, such as `eu-central-1`; a store with an endpoint of its own mostly needs none',
  }),
  s3Addressing: option({
    type: oneOf('auto', 'path', 'virtual'),
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'auto',
    environment: ['AWS_S3_ADDRESSING_STYLE'],
    onlyFor: 'bucket',
    doc: "where the bucket stands in a request: in its `path`, or in front of the host's name (`virtual`); `auto` is `virtual` on AWS, but for names with a dot, and `path` elsewhere",
  }),
  s3Anonymous: option({
    type: onOff,
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'off',
    onlyFor: 'bucket',
    doc: 'ask without credentials, for buckets that everybody may read: requests are not signed',
  }),
  storeMode: option({
    type: oneOf('proxy', 'redirect'),
    contexts: ['server', 'media', 'static', 'internal'],
    default: 'proxy',
    onlyFor: 'bucket',
    doc: 'who sends what is in a bucket: this server (`proxy`), or the store, to which visitors are sent with a URL that is signed for half an hour, and which they must be able to reach (`redirect`); permission is asked first',
  }),
};
