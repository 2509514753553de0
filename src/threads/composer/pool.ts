import type { MailComposer, Scanned } from "../../mail/composer.ts";
import { Lane, type LaneOptions } from "../lane.ts";

export interface ComposerPool extends MailComposer {
  close(): Promise<void>;
}

export type ComposerPoolOptions = Pick<LaneOptions, "source" | "maxJobs" | "jobMs" | "waitMs">;

/**
 * A `MailComposer` on a thread of its own, so that half a megabyte of hostile Markdown delays no mail that comes in. The
 * thread starts with the first draft: an instance that only receives does not pay for it.
 */
export function createComposerPool(options: ComposerPoolOptions): ComposerPool {
  const lane = new Lane({ ...options, zone: null, keepBytes: 0, entry: entryBeside(import.meta.url) });
  return {
    compose: async (source, frame) => {
      const composed = await lane.run("compose", [source, frame]);
      return "mime" in composed ? ({ ...composed, mime: bytesOf(composed.mime) } satisfies Scanned) : composed;
    },
    scan: (mime) => lane.run("scanDraft", [mime]),
    seal: async (mime, seal) => bytesOf(await lane.run("seal", [mime, seal])),
    preview: (mime) => lane.run("preview", [mime]),
    close: () => lane.close(),
  };
}

/** A Buffer is a plain array of bytes on the other side. */
function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

/** `thread.ts` as source, `thread.js` as built. */
function entryBeside(module: string): URL {
  return new URL(module.endsWith(".ts") ? "./thread.ts" : "./thread.js", module);
}
