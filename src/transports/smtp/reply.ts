/** One whole reply (RFC 5321 §4.2). */
export interface SmtpReply {
  /** 200–599. */
  readonly code: number;
  /** Texts without the code: well-formed, without control characters. */
  readonly lines: readonly string[];
}

/** Far more than any server says, and all that a hostile one can make us keep. RFC 5321 §4.5.3.1.5 has 512 bytes a line. */
export const REPLY_LIMITS = { lineBytes: 4096, lines: 128 } as const;

const LF = 0x0a;
const CR = 0x0d;

/** What a peer said is no reply. `message` quotes nothing of it. */
export class NotAReply extends Error {}

/** Bytes, cut anywhere, into replies. Throws `NotAReply`; what follows it means nothing. */
export class ReplyReader {
  #line: Buffer = Buffer.alloc(0);
  #code: number | null = null;
  #lines: string[] = [];

  /** True between replies: nothing of another one has come. */
  get idle(): boolean {
    return this.#line.length === 0 && this.#code === null;
  }

  read(chunk: Buffer): readonly SmtpReply[] {
    const replies: SmtpReply[] = [];
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      const reply = this.#take(this.#joined(chunk.subarray(from, end)));
      if (reply !== null) replies.push(reply);
      this.#line = Buffer.alloc(0);
      from = end + 1;
    }
    this.#line = this.#joined(chunk.subarray(from));
    return replies;
  }

  #joined(piece: Buffer): Buffer {
    if (this.#line.length + piece.length > REPLY_LIMITS.lineBytes) throw new NotAReply("a line of the reply is too long");
    return Buffer.concat([this.#line, piece]);
  }

  // RFC 5321 §4.2.1: the code is the same on every line, followed by `-` on all but the last.
  #take(bytes: Buffer): SmtpReply | null {
    const line = bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes;
    const code = codeOf(line);
    const mark = line.length === 3 ? " " : String.fromCharCode(line[3] as number);
    if (code === null || (mark !== " " && mark !== "-")) throw new NotAReply("the reply has no code");
    if (this.#code !== null && this.#code !== code) throw new NotAReply("the lines of the reply have different codes");
    this.#lines.push(textOf(line.subarray(4)));
    if (this.#lines.length > REPLY_LIMITS.lines) throw new NotAReply("the reply has too many lines");
    this.#code = mark === "-" ? code : null;
    if (mark === "-") return null;
    const reply = { code, lines: this.#lines };
    this.#lines = [];
    return reply;
  }
}

function codeOf(line: Buffer): number | null {
  const digits = line.toString("latin1", 0, 3);
  return /^[2-5][0-9]{2}$/.test(digits) ? Number(digits) : null;
}

// Server texts have no charset (RFC 5321 §4.2.1): UTF-8 where it is that, marks of replacement where it is not.
function textOf(bytes: Buffer): string {
  return bytes.toString("utf8").replace(/[\0-\x1f\x7f-\x9f]/g, "\ufffd");
}

/** Enhanced status code (RFC 3463) at the beginning of the text; null where there is none of the reply's own class. */
export function enhancedOf({ code, lines }: SmtpReply): string | null {
  const [, status] = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/.exec(lines[0] ?? "") ?? [];
  return status !== undefined && status.startsWith(String(code)[0] as string) ? status : null;
}

const MOST_TEXT = 500;

/** First line, as it is kept beside a delivery. */
export function firstLine({ lines }: SmtpReply): string {
  return (lines[0] ?? "").slice(0, MOST_TEXT).toWellFormed();
}
