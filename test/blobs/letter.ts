import { createHash } from "node:crypto";

/** The bytes of the blob with this number: from 1 byte to about 20 KB, the same in every process. */
export function letter(number: number): Buffer {
  const outputLength = 1 + ((number * 7_919) % 20_000);
  return createHash("shake256", { outputLength }).update(String(number)).digest();
}
