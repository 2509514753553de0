import { PosternError } from "../model/errors.ts";

/** A disk that is full, read-only or out of handles may be better later. */
export async function disk<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (cause) {
    throw new PosternError("unavailable", "the blob could not be written", {
      temporary: true,
      detail: cause instanceof Error ? cause.message : "",
      cause,
    });
  }
}

export async function writeAll(file: Writable, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

interface Writable {
  write(bytes: Buffer, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
}

/** What is read may end before `length` bytes: then it is shorter. */
export async function readFully(file: Readable, length: number, position: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await file.read(bytes, read, length - read, position + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}

interface Readable {
  read(bytes: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
