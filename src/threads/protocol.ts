import type { BlobSource } from "../blobs/source.ts";
import type { MailComposer } from "../mail/composer.ts";
import type { MailReader } from "../mail/reader.ts";
import type { ErrorCode } from "../model/errors.ts";

/** Set-up of one reader thread; plain data, because it crosses to another thread. */
export interface ReaderSetup {
  /** The thread reads messages itself, so large ones never pass the main thread. */
  readonly source: BlobSource;
  /** Path of a zone file used instead of DNS; null: the system's resolvers. */
  readonly zone: string | null;
  /** Bytes of raw mail kept parsed; the parsed form is a few times that. */
  readonly keepBytes: number;
  /** Of the `HolderWord` that says which job computes. */
  readonly holder: SharedArrayBuffer;
}

/** What a composer thread does; `scanDraft` is the port's `scan`, which is another job to a reader. */
export interface ComposerJobs extends Pick<MailComposer, "compose" | "seal" | "preview"> {
  scanDraft: MailComposer["scan"];
}

/** Every job of any thread; each kind of thread knows its own. */
interface Jobs extends MailReader, ComposerJobs {}

export type JobName = keyof Jobs;
export type JobArgs<N extends JobName> = Parameters<Jobs[N]>;
export type JobResult<N extends JobName> = Awaited<ReturnType<Jobs[N]>>;

export interface Job {
  readonly id: number;
  readonly name: JobName;
  readonly args: readonly unknown[];
}

/** An error crosses as its code: its text could quote the message. */
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | {
      readonly id: number;
      readonly error: { readonly code: ErrorCode; readonly message: string; readonly temporary: boolean; readonly where: string };
    };
