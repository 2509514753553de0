import { crc32 } from "node:zlib";
import { isTenant, type BlobName } from "../name.ts";

/**
 * One record of a segment: a header of {@link HEADER} bytes, then the blob's own (none for a removal). Big-endian:
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 16 | the segment's marker |
 * | 16 | 4 | CRC-32 of the rest of the header |
 * | 20 | 1 | kind |
 * | 21 | 1 | length of the tenant's id |
 * | 24 | 4 | where the record's group begins in the segment |
 * | 28 | 4 | length of the blob |
 * | 32 | 8 | time of the put, epoch milliseconds |
 * | 40 | 32 | digest, which is also the checksum of the bytes |
 * | 72 | 68 | tenant, filled up with zeros |
 */
export interface RecordHeader {
  readonly kind: "put" | "remove";
  readonly name: BlobName;
  readonly length: number;
  readonly at: number;
  /** INVARIANT: a group is begun only when everything before this offset is on the disk. */
  readonly group: number;
}

export const HEADER = 144;
export const MARKER = 16;

const KINDS = ["put", "remove"] as const;

export function formatHeader({ kind, name, length, at, group }: RecordHeader, marker: Buffer): Buffer {
  const bytes = Buffer.alloc(HEADER);
  marker.copy(bytes);
  bytes.writeUInt8(KINDS.indexOf(kind), 20);
  bytes.writeUInt8(name.tenant.length, 21);
  bytes.writeUInt32BE(group, 24);
  bytes.writeUInt32BE(length, 28);
  bytes.writeDoubleBE(at, 32);
  bytes.write(name.digest, 40, "hex");
  bytes.write(name.tenant, 72, "latin1");
  bytes.writeUInt32BE(crc32(bytes.subarray(20)), 16);
  return bytes;
}

/** Null when these bytes are no header of the segment with this marker, or damaged. */
export function parseHeader(bytes: Buffer, marker: Buffer): RecordHeader | null {
  if (bytes.length < HEADER || !bytes.subarray(0, MARKER).equals(marker)) return null;
  if (bytes.readUInt32BE(16) !== crc32(bytes.subarray(20, HEADER))) return null;
  const kind = KINDS[bytes.readUInt8(20)];
  const tenant = bytes.toString("latin1", 72, 72 + bytes.readUInt8(21));
  if (kind === undefined || !isTenant(tenant)) return null;
  const name = { tenant, digest: bytes.toString("hex", 40, 72) };
  return { kind, name, length: bytes.readUInt32BE(28), at: bytes.readDoubleBE(32), group: bytes.readUInt32BE(24) };
}
