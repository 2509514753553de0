import type { MailReader, StoredMessage } from "../mail/reader.ts";
import { Headlines } from "./headlines.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import type { JobArgs, JobName, JobResult } from "./protocol.ts";

export interface ReaderPoolOptions extends Omit<LaneOptions, "keepBytes"> {
  /** Threads for ordinary messages; default 1. Each is started by the first job for it, one more by the first large message. */
  readonly threads?: number;
}

export interface ReaderPool extends MailReader {
  close(): Promise<void>;
}

/**
 * Bytes from which a message is large: 25 MiB take seconds, in which nobody else's mail should wait. Not more, because
 * messages attached to one another are read once a level, up to a hundred times their bytes.
 */
const LARGE = 128 * 1024;

/** Bytes of raw mail kept parsed. Together with what is being read well under the heap a thread may have. */
const KEEP_BYTES = { ordinary: 16 * 1024 * 1024, large: 64 * 1024 * 1024 };

/** A `MailReader` on worker threads. All jobs on one message go to one thread, which keeps what it parsed. */
export function createReaderPool(options: ReaderPoolOptions): ReaderPool {
  const ordinary = Array.from({ length: options.threads ?? 1 }, () => new Lane({ ...options, keepBytes: KEEP_BYTES.ordinary }));
  const large = new Lane({ ...options, keepBytes: KEEP_BYTES.large });
  const laneOf = ({ ref }: StoredMessage): Lane => (ref.size >= LARGE ? large : byDigest(ordinary, ref.digest));
  const on = <N extends JobName>(name: N, ...args: JobArgs<N>): Promise<JobResult<N>> => laneOf(args[0]).run(name, args);
  const headlines = new Headlines();
  return {
    inspect: (message) => on("inspect", message),
    authenticate: async (message, envelope, known) => {
      const seen = await on("authenticate", message, envelope, known);
      headlines.keep(message, seen);
      return seen;
    },
    scan: (message, guards) => on("scan", message, guards),
    headline: async (message) => headlines.of(message) ?? on("headline", message),
    thread: (message) => on("thread", message),
    view: (message) => on("view", message),
    close: async () => void (await Promise.all([...ordinary, large].map((lane) => lane.close()))),
  };
}

function byDigest(lanes: readonly Lane[], digest: string): Lane {
  return lanes[Number.parseInt(digest.slice(0, 6), 16) % lanes.length] as Lane;
}
