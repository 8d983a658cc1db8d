import { type Bucket, type CRC32CValidatorGenerator, Storage } from "@google-cloud/storage";

export interface BucketOptions {
  name: string;
  /** Another server than Google's; without it, credentials are the ambient ones. */
  endpoint?: string | undefined;
  /** The SDK's own CRC32C is JavaScript and costs more than the network: callers bring a native one. */
  crc32c: CRC32CValidatorGenerator;
}

/** Opens a bucket with the official SDK. */
export function openBucket({ name, endpoint, crc32c }: BucketOptions): Bucket {
  const storage = new Storage({
    crc32cGenerator: crc32c,
    ...(endpoint === undefined ? {} : { apiEndpoint: endpoint }),
  });
  return storage.bucket(name, { crc32cGenerator: crc32c });
}
