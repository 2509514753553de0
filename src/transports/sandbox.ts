import { createHash } from "node:crypto";
import { makeId, type Id } from "../model/ids.ts";
import type { Outgoing, Transport } from "./transport.ts";

/** Where mail of the sandbox stays: `put` is durable when it resolves, and once by id. */
export interface Sink {
  put(mail: SunkMail): Promise<void>;
}

export interface SunkMail extends Pick<Outgoing, "envelope" | "name"> {
  /** The same for the same attempt of the same draft. */
  readonly id: Id<"snk">;
  readonly bytes: Buffer;
}

/** Mail stays here, where it can be listed and read: for trials, tests and the demo. Every recipient accepts. */
export function createSandbox(sink: Sink): Transport {
  return {
    kind: "sandbox",
    async send({ envelope, name, bytes, signal }, claim) {
      const content = await bytes();
      if (signal.aborted || !(await claim(envelope.recipients))) {
        return { end: "failed_before_data", replies: repliesTo(envelope, null, "not to be sent any more") };
      }
      try {
        await sink.put({ id: sinkId(name), envelope, name, bytes: content });
      } catch {
        // Whether it was kept is not known, as with a relay that has gone away after the final dot.
        return { end: "unknown", replies: repliesTo(envelope, null, "the sandbox did not keep it") };
      }
      return { end: "completed", replies: repliesTo(envelope, 250, "2.0.0 kept in the sandbox") };
    },
    close: async () => {},
  };
}

function repliesTo({ recipients }: Outgoing["envelope"], code: number | null, text: string) {
  return recipients.map((recipient) => ({ recipient, code, enhanced: code === null ? null : "2.0.0", text }));
}

function sinkId({ draft, attempt }: Outgoing["name"]): Id<"snk"> {
  return makeId("snk", createHash("sha256").update(`${draft}:${attempt}`).digest().subarray(0, 16));
}
