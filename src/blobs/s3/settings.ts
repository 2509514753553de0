/** Where an S3-compatible store is and who asks. Plain data: threads that only read mail get it as it is. */
export interface S3Settings {
  /** `https://host[:port]`, without a path. Path-style addresses: every S3-compatible server knows them. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Before every key; empty, or ends in a slash. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}
