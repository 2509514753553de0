import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import type { BlobWriter } from "../blobs/blobs.ts";
import type { IntakeScanner } from "../mail/limits.ts";
import { type Reply, REPLY, replyToViolation, tooBig } from "./answers.ts";

/** Bytes handed to the blob at once: the library cuts a message at every stuffed dot, and a write per dot is a gift to an attacker. */
const BLOCK = 64 * 1024;

export type Intake =
  /** Written, not yet durable. */
  | { readonly kind: "taken"; readonly writer: BlobWriter; readonly digest: string }
  | { readonly kind: "refused"; readonly reply: Reply; readonly fault?: unknown };

export interface IntakeTerms {
  readonly size: number;
  readonly scanner: IntakeScanner;
  readonly create: () => Promise<BlobWriter>;
}

/**
 * Reads one message to its final dot. Bytes go through the scanner to the blob as they come, and the peer is not read
 * faster than the disk takes them. What is refused on the way is read to its end all the same, because the reply has
 * its place after the dot, and leaves no trace. Rejects when the peer is gone before the dot.
 */
export async function takeIn(stream: Readable, terms: IntakeTerms): Promise<Intake> {
  const pen = new Pen(terms);
  try {
    for await (const chunk of stream) await pen.write(chunk as Buffer);
    return await pen.finish();
  } catch (error) {
    await pen.drop();
    throw error;
  }
}

class Pen {
  readonly #terms: IntakeTerms;
  readonly #hash = createHash("sha256");
  #writer: BlobWriter | null = null;
  #block: Buffer[] = [];
  #blockSize = 0;
  #size = 0;
  #refused: { readonly reply: Reply; readonly fault?: unknown } | null = null;

  constructor(terms: IntakeTerms) {
    this.#terms = terms;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#refused !== null) return;
    this.#size += chunk.length;
    if (this.#size > this.#terms.size) return await this.#refuse(tooBig(this.#terms.size));
    this.#block.push(chunk);
    this.#blockSize += chunk.length;
    if (this.#blockSize >= BLOCK) await this.#flush();
  }

  async finish(): Promise<Intake> {
    if (this.#refused === null) await this.#close();
    if (this.#refused !== null || this.#writer === null) return { kind: "refused", ...(this.#refused ?? { reply: REPLY.fault }) };
    return { kind: "taken", writer: this.#writer, digest: this.#hash.digest("hex") };
  }

  async drop(): Promise<void> {
    this.#block = [];
    const writer = this.#writer;
    this.#writer = null;
    // A temporary file that cannot be removed is the collector's; the reply must not depend on it.
    await writer?.abort().catch(() => {});
  }

  async #close(): Promise<void> {
    await this.#flush();
    const violation = this.#terms.scanner.end();
    if (violation !== null && this.#refused === null) await this.#refuse(replyToViolation(violation));
  }

  async #flush(): Promise<void> {
    const block = Buffer.concat(this.#block, this.#blockSize);
    this.#block = [];
    this.#blockSize = 0;
    this.#terms.scanner.write(block);
    this.#hash.update(block);
    try {
      this.#writer ??= await this.#terms.create();
      await this.#writer.write(block);
    } catch (fault) {
      await this.#refuse(REPLY.noSpace, fault);
    }
  }

  async #refuse(reply: Reply, fault?: unknown): Promise<void> {
    this.#refused = { reply, fault };
    await this.drop();
  }
}
