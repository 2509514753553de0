import { createHash } from "node:crypto";
import { formatParameter } from "./mime-parameter.ts";

/**
 * A part of a message. Written here rather than by nodemailer's `MimeNode`: that one adds a Date, draws boundaries at
 * random and may write the same mail in other bytes after an update, while an approval is for exactly these bytes.
 */
export type Entity = Leaf | Multipart;

export interface Leaf {
  /** Content fields, folded, without their last line end. */
  readonly fields: readonly string[];
  /** Encoded as the fields say; the line end before the next boundary is not its own. */
  readonly body: Buffer;
}

export interface Multipart {
  readonly subtype: "alternative" | "mixed";
  readonly parts: readonly Entity[];
}

const CRLF = Buffer.from("\r\n");

/** The whole message: 7-bit, CRLF. `seed` fixes the boundaries: the same input gives the same bytes. */
export function formatMessage(fields: readonly string[], root: Entity, seed: string): Buffer {
  const entity = formatEntity(root, seed, "0");
  return Buffer.concat([lines([...fields, "MIME-Version: 1.0", ...entity.fields]), CRLF, ...entity.chunks, CRLF]);
}

/** `Content-Type: text/plain; charset=utf-8`, or with any other parameters. */
export function contentType(type: string, parameters: Readonly<Record<string, string>> = {}): string {
  return `Content-Type: ${type}${Object.entries(parameters)
    .map(([name, value]) => formatParameter(name, value))
    .join("")}`;
}

interface Formatted {
  readonly fields: readonly string[];
  readonly chunks: readonly Buffer[];
}

function formatEntity(entity: Entity, seed: string, path: string): Formatted {
  if ("body" in entity) return { fields: entity.fields, chunks: [entity.body] };
  const parts = entity.parts.map((part, index) => formatEntity(part, seed, `${path}.${index}`));
  const boundary = freeBoundary(parts, seed, path);
  const chunks = parts.flatMap((part) => [Buffer.from(`--${boundary}\r\n`), lines(part.fields), CRLF, ...part.chunks, CRLF]);
  return { fields: [contentType(`multipart/${entity.subtype}`, { boundary })], chunks: [...chunks, Buffer.from(`--${boundary}--`)] };
}

/** `=_` occurs in neither encoding; an attached message stands as it is and may hold anything, also a boundary that was guessed. */
function freeBoundary(parts: readonly Formatted[], seed: string, path: string): string {
  for (let attempt = 0; ; attempt++) {
    const boundary = `=_${createHash("sha256").update(`${seed}\n${path}\n${attempt}`).digest("hex").slice(0, 24)}`;
    if (!parts.some(({ chunks }) => chunks.some((chunk) => chunk.includes(boundary)))) return boundary;
  }
}

function lines(fields: readonly string[]): Buffer {
  return Buffer.from(fields.map((field) => `${field}\r\n`).join(""), "latin1");
}
